package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Lab is a lab that is up.
type Lab struct {
	Name     string
	Host     *Node // what a Proxmox host looks like; waddled runs here
	Internet *Node // the router, the web server and the name server
	Scanner  *Node // somebody outside the host's network

	handTyped bool
	service   process
	guestMnt  string // path of the mount namespace of all but the host
}

func newLab(st state) *Lab {
	l := &Lab{Name: st.Name, handTyped: st.HandTyped, service: st.Service}
	l.guestMnt = fmt.Sprintf("/proc/%d/task/%d/ns/mnt", st.Service.PID, st.Guests)
	l.Host = &Node{
		Name:  nodeHost,
		netns: netnsPath(l.Name, nodeHost),
		mnt:   fmt.Sprintf("/proc/%d/ns/mnt", st.Service.PID),
		uts:   fmt.Sprintf("/proc/%d/ns/uts", st.Service.PID),
		root:  fmt.Sprintf("/proc/%d/root", st.Service.PID),
	}
	l.Internet = l.guest(nodeInternet, nodeInternet)
	l.Scanner = l.guest(nodeScanner, nodeScanner)
	return l
}

func (l *Lab) guest(name, node string) *Node {
	return &Node{Name: name, netns: netnsPath(l.Name, node), mnt: l.guestMnt}
}

// Open returns a lab that another process or an earlier Up built.
func Open(name string) (*Lab, error) {
	if name == "" {
		name = DefaultName
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	st, err := readState(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("cannot open lab %s: it is not up; run waddle-lab up --name %s", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open lab %s: %w", name, err)
	}
	if !st.Service.alive() {
		return nil, fmt.Errorf("cannot open lab %s: its service process %d has died; run waddle-lab up --name %s to build it again", name, st.Service.PID, name)
	}
	if !st.Proxmox.alive() {
		return nil, fmt.Errorf("cannot open lab %s: its simulator of Proxmox VE, process %d, has died; run waddle-lab up --name %s to build it again", name, st.Proxmox.PID, name)
	}
	for _, node := range []string{nodeInternet, nodeScanner, nodeHost} {
		if _, ok := nsLink(netnsPath(name, node)); !ok {
			return nil, fmt.Errorf("cannot open lab %s: its namespace %s is gone; run waddle-lab up --name %s to build it again", name, netnsPath(name, node), name)
		}
	}
	return newLab(st), nil
}

// Node returns a node by the name that `waddle-lab exec` takes: host, internet,
// scanner, or a VM's.
func (l *Lab) Node(name string) (*Node, error) {
	for _, n := range []*Node{l.Host, l.Internet, l.Scanner} {
		if n.Name == name {
			return n, nil
		}
	}
	if n := l.VM(name); n != nil {
		return n, nil
	}
	names := []string{nodeHost, nodeInternet, nodeScanner}
	vms, err := l.VMs()
	if err != nil {
		return nil, err
	}
	for _, vm := range vms {
		names = append(names, vm.Name)
	}
	return nil, fmt.Errorf("cannot find node %q in lab %s: there are %s", name, l.Name, strings.Join(names, ", "))
}
