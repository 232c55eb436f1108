// Package keys makes and keeps the two keys of the storage endpoint: its host
// key, and the client key that democratic-csi logs in with.
//
// On the host it touches one folder that it is given, mode 0700, with the files
// host_ed25519, client_ed25519 (mode 0600) and their .pub.
package keys
