package netfw

import "regexp"

var counters = regexp.MustCompile(`\[\d+:\d+\]|packets \d+ bytes \d+`)

// dropCounters takes out of a listing what changes with every packet.
func dropCounters(s string) string { return counters.ReplaceAllString(s, "-") }

// pingScript sends one echo request and waits for the reply; the machine has no
// ping command.
const pingScript = `
import socket, struct, sys
dst = sys.argv[1]
six = ":" in dst
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
s.settimeout(0.5)
body = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 7, 1) + b"waddle"
if not six:
    words = struct.unpack("!%dH" % (len(body) // 2), body)
    total = sum(words)
    total = (total >> 16) + (total & 0xffff)
    total += total >> 16
    body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
s.sendto(body, (dst, 0))
while True:
    packet = s.recv(2000)
    kind = packet[0] if six else packet[(packet[0] & 15) * 4]
    if kind == (129 if six else 0):
        sys.exit(0)
`
