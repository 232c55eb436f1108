package netfw

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// frames opens the actor's wire.
func frames(proto uint16, timeout time.Duration) (int, *net.Interface, error) {
	link, err := net.InterfaceByName("eth0")
	if err != nil {
		return 0, nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto<<8|proto>>8))
	if err != nil {
		return 0, nil, err
	}
	tv := unix.NsecToTimeval(timeout.Nanoseconds())
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	return fd, link, errors.Join(err, unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index, Protocol: proto<<8 | proto>>8}))
}

// resolves asks who has the target's address, in the name of src, and waits for
// the answer.
func (a attempt) resolves() (bool, error) {
	ok := false
	err := a.from.do(func() error {
		fd, link, err := frames(unix.ETH_P_ARP, a.timeout)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		frame := slices.Concat([]byte{255, 255, 255, 255, 255, 255}, link.HardwareAddr, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1},
			link.HardwareAddr, a.src.AsSlice(), make([]byte, 6), a.dst.AsSlice())
		if _, err := unix.Write(fd, frame); err != nil {
			return err
		}
		b := make([]byte, 1500)
		for end := time.Now().Add(a.timeout); time.Now().Before(end) && !ok; {
			n, err := unix.Read(fd, b)
			if errors.Is(err, unix.EAGAIN) {
				return nil
			}
			if err != nil {
				return err
			}
			// A reply, by the target, to the address that was claimed.
			ok = n >= 42 && b[21] == 2 && slices.Equal(b[28:32], a.dst.AsSlice()) && slices.Equal(b[38:42], a.src.AsSlice())
		}
		return nil
	})
	return ok, err
}

// tagged sends a datagram within two VLAN tags of VLAN 0, which the receiver's
// kernel takes off.
func (a attempt) tagged() (bool, error) {
	nonce := newNonce()
	mac, err := a.to.mac()
	if err != nil {
		return false, err
	}
	tags := strings.Fields(pinTags[a.n])
	err = a.from.do(func() error {
		fd, link, err := frames(unix.ETH_P_IP, a.timeout)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		frame := slices.Concat(mac, link.HardwareAddr)
		for _, t := range tags {
			frame = append(binary.BigEndian.AppendUint16(frame, etherTypes[t]), 0, 0)
		}
		frame = append(binary.BigEndian.AppendUint16(frame, unix.ETH_P_IP), datagram(a.src, a.dst, nonce)...)
		_, err = unix.Write(fd, frame)
		return err
	})
	for end := time.Now().Add(a.timeout); err == nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if a.s.got.has(nonce) {
			return true, nil
		}
	}
	return false, err
}

func (a *actor) mac() (mac net.HardwareAddr, err error) {
	err = a.do(func() error {
		link, err := net.InterfaceByName("eth0")
		if err == nil {
			mac = link.HardwareAddr
		}
		return err
	})
	return mac, err
}

// datagram is an IPv4 packet with UDP to port 2379.
func datagram(src, dst netip.Addr, text string) []byte {
	udp := binary.BigEndian.AppendUint16([]byte{0x30, 0x39, 0x09, 0x4b}, uint16(8+len(text)))
	udp = append(append(udp, 0, 0), text...)
	ip := []byte{0x45, 0, 0, byte(20 + len(udp)), 0, 1, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	ip = slices.Concat(ip, src.AsSlice(), dst.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, udp...)
}
