package pve_test

import (
	"strings"
	"testing"
	"time"

	proxmox "github.com/luthermonson/go-proxmox"
)

func TestTheClientLibraryTakesAVMFromItsImageToItsEnd(t *testing.T) {
	n := start(t, options(t))
	n.image("talos.qcow2", 2)
	ctx := t.Context()
	node, err := n.library().Node(ctx, "pve")
	if err != nil {
		t.Fatal(err)
	}
	wait := func(task *proxmox.Task, err error) *proxmox.Task {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Wait(ctx, 5*time.Millisecond, time.Minute); err != nil {
			t.Fatal(err)
		}
		return task
	}
	ok := func(task *proxmox.Task, err error) {
		t.Helper()
		if task := wait(task, err); !task.IsSuccessful {
			log, _ := task.Log(ctx, 0, 50)
			t.Fatalf("%s: %s: %v", task.Type, task.ExitStatus, log)
		}
	}
	ok(node.NewVirtualMachine(ctx, 100,
		proxmox.VirtualMachineOption{Name: "name", Value: "talos-1"},
		proxmox.VirtualMachineOption{Name: "cores", Value: 2},
		proxmox.VirtualMachineOption{Name: "memory", Value: 4096},
		proxmox.VirtualMachineOption{Name: "agent", Value: "1"},
		proxmox.VirtualMachineOption{Name: "scsi0", Value: "local-zfs:0,import-from=local:import/talos.qcow2,discard=on"},
		proxmox.VirtualMachineOption{Name: "ide2", Value: "local-zfs:cloudinit"},
		proxmox.VirtualMachineOption{Name: "net0", Value: "virtio,bridge=vmbr1"},
		proxmox.VirtualMachineOption{Name: "ipconfig0", Value: "ip=10.10.0.10/24,gw=10.10.0.1"},
		proxmox.VirtualMachineOption{Name: "tags", Value: "waddle;talos"},
	))
	vm, err := node.VirtualMachine(ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	if vm.Name != "talos-1" || *vm.VirtualMachineConfig.Cores != 2 || !vm.HasTag("waddle") || !vm.IsStopped() {
		t.Fatalf("the VM came back as %+v", vm)
	}
	if got := vm.VirtualMachineConfig.SCSIs["scsi0"]; got != "local-zfs:vm-100-disk-0,discard=on,size=2G" {
		t.Fatalf("scsi0 is %s", got)
	}
	ok(vm.ResizeDisk(ctx, "scsi0", "10G"))
	ok(vm.Start(ctx))
	await(t, "the agent", func() bool { return vm.AgentPing(ctx) == nil })
	ifaces, err := vm.AgentGetNetworkIFaces(ctx)
	if err != nil || len(ifaces) != 1 || ifaces[0].IPAddresses[0].IPAddress != "10.10.0.10" {
		t.Fatalf("interfaces %+v, %v", ifaces, err)
	}
	if info, err := vm.AgentOsInfo(ctx); err != nil || info.ID != "debian" {
		t.Fatalf("OS %+v, %v", info, err)
	}
	if err := vm.AgentFileWrite(ctx, "/etc/motd", []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	pid, err := vm.AgentExec(ctx, []string{"cat", "/etc/motd"}, "")
	if err != nil {
		t.Fatal(err)
	}
	exit, err := vm.WaitForAgentExecExit(ctx, pid, 5)
	if err != nil || exit.OutData != "hello\n" || exit.ExitCode != 0 {
		t.Fatalf("cat answered %+v, %v", exit, err)
	}
	ok(vm.NewSnapshot(ctx, "before"))
	snaps, err := vm.Snapshots(ctx)
	if err != nil || len(snaps) != 2 || snaps[0].Name != "before" {
		t.Fatalf("snapshots %+v, %v", snaps, err)
	}
	// A task that ended is not a task that succeeded: the library says nothing, the exit status does.
	if task := wait(vm.NewSnapshot(ctx, "before")); !task.IsFailed || task.ExitStatus != "snapshot name 'before' already used" {
		t.Fatalf("a second snapshot of that name: %+v", task)
	}
	ok(vm.Shutdown(ctx))
	ok(vm.Delete(ctx, &proxmox.VirtualMachineDeleteOptions{Purge: true, DestroyUnreferencedDisks: true}))
	if _, err := node.VirtualMachine(ctx, 100); err == nil || !strings.Contains(err.Error(), "500 Configuration file 'nodes/pve/qemu-server/100.conf' does not exist") {
		t.Fatalf("a VM that is gone answered %v", err)
	}
	if left := n.volumes("local-zfs"); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}
