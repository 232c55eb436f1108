package execute

import "crypto/subtle"

// same compares without telling by the time it takes where the two differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
