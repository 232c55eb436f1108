// Package sidebyside measures, inside the appliance VM, what waddled and stock
// targetcli take for the same on the same kernel in the same boot. Only ratios
// are worth keeping: the machine is an emulated one.
//
// It works on the host that it runs on: the daemon has to be installed and its
// storage applied. It makes volumes below the storage's dataset and beside it,
// and removes them. test/appliance runs it; nobody else should.
package sidebyside
