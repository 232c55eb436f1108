package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab"
	"github.com/waddle-social/waddle/internal/lab/pve"
)

func faultCommand(name *string) *cobra.Command {
	var list, clear bool
	output := "table"
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "let something go wrong in the lab's Proxmox VE",
		Long: `fault breaks the simulated Proxmox VE: a task fails, the API answers an error or nothing, a
storage is full, a VM crashes, its guest agent falls silent, somebody else holds a lock. What was
injected lasts until it has happened --times times or is cleared.`,
		Example: `  waddle-lab fault task qmcreate --step import --times 1
  waddle-lab fault api 502 --path /nodes/pve/qemu
  waddle-lab fault timeout --for 2m --path /nodes/pve/tasks
  waddle-lab fault disk-full local-zfs
  waddle-lab fault crash 110
  waddle-lab fault agent-silent 102
  waddle-lab fault lock 110 backup
  waddle-lab fault --list
  waddle-lab fault --clear`,
		Args: func(cmd *cobra.Command, a []string) error {
			switch {
			case list && clear:
				return usageError{fmt.Errorf("--list and --clear exclude each other")}
			case clear && len(a) <= 1, !clear && len(a) == 0:
				return nil
			}
			return usageError{fmt.Errorf("there is no fault %q: waddle-lab fault --help shows those that there are", a[0])}
		},
		RunE: func(cmd *cobra.Command, a []string) error {
			if !list && !clear {
				return cmd.Help()
			}
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			if clear {
				return l.ClearFaults(cmd.Context(), strings.Join(a, ""))
			}
			all, err := l.Faults(cmd.Context())
			if err != nil {
				return err
			}
			return printFaults(cmd.OutOrStdout(), output, all)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "show what goes wrong now")
	cmd.Flags().BoolVar(&clear, "clear", false, "end all faults, or the one whose id is given")
	cmd.Flags().StringVarP(&output, "output", "o", output, "of --list: table or json")
	cmd.AddCommand(taskFault(name), apiFault(name), timeoutFault(name), fullFault(name), silentFault(name), busyFault(name), lockFault(name), crashFault(name))
	return cmd
}

// inject makes the fault happen and says under which id it is cleared.
func inject(cmd *cobra.Command, name string, f pve.Fault) error {
	l, err := lab.Open(name)
	if err != nil {
		return err
	}
	id, err := l.Inject(cmd.Context(), f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
	return err
}

func taskFault(name *string) *cobra.Command {
	f := pve.Fault{Kind: pve.FaultTask}
	cmd := &cobra.Command{
		Use:     "task TYPE",
		Short:   "tasks of this type fail, at a step of theirs",
		Example: "  waddle-lab fault task qmcreate --step import --vmid 110 --times 1",
		Args:    args(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return taskTypes(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, a []string) error {
			f.Task = a[0]
			return inject(cmd, *name, f)
		},
	}
	cmd.Flags().StringVar(&f.Step, "step", "", "where: "+stepsHelp()+"; otherwise at the first")
	cmd.Flags().IntVar(&f.VMID, "vmid", 0, "only of this VM")
	cmd.Flags().StringVar(&f.Text, "text", "", "the task's exit status")
	times(cmd, &f)
	return cmd
}

func apiFault(name *string) *cobra.Command {
	f := pve.Fault{Kind: pve.FaultHTTP}
	var after bool
	cmd := &cobra.Command{
		Use:     "api STATUS",
		Short:   "the API answers with this status instead of doing what was asked",
		Example: "  waddle-lab fault api 500 --method POST --path /nodes/pve/qemu --times 2",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if _, err := fmt.Sscanf(a[0], "%d", &f.Status); err != nil || f.Status < 400 || f.Status > 599 {
				return usageError{fmt.Errorf("%q is no status of a failure: 400 to 599", a[0])}
			}
			if after {
				f.When = "after"
			}
			return inject(cmd, *name, f)
		},
	}
	cmd.Flags().BoolVar(&after, "after", false, "the work is done and only the answer is wrong")
	calls(cmd, &f)
	return cmd
}

func timeoutFault(name *string) *cobra.Command {
	f := pve.Fault{Kind: pve.FaultHTTP}
	cmd := &cobra.Command{
		Use:     "timeout",
		Short:   "the API says nothing for a time, then the connection breaks",
		Example: "  waddle-lab fault timeout --for 1m",
		Args:    args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return inject(cmd, *name, f) },
	}
	cmd.Flags().DurationVar(&f.Delay, "for", 5*time.Minute, "how long")
	calls(cmd, &f)
	return cmd
}

func fullFault(name *string) *cobra.Command {
	return &cobra.Command{
		Use:     "disk-full STORAGE",
		Short:   "a storage has no room left",
		Example: "  waddle-lab fault disk-full local-zfs",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			return inject(cmd, *name, pve.Fault{Kind: pve.FaultFull, Storage: a[0]})
		},
	}
}

func silentFault(name *string) *cobra.Command {
	return faultOfVM(name, pve.FaultSilent, "a VM's guest agent takes commands and does not answer")
}

func busyFault(name *string) *cobra.Command {
	return faultOfVM(name, pve.FaultBusy, "a VM's disks cannot be removed: something on the node holds them")
}

func faultOfVM(name *string, kind, short string) *cobra.Command {
	return &cobra.Command{
		Use:     kind + " VMID",
		Short:   short,
		Example: "  waddle-lab fault " + kind + " 102",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			id, err := vmid(a[0])
			if err != nil {
				return err
			}
			return inject(cmd, *name, pve.Fault{Kind: kind, VMID: id})
		},
	}
}

func lockFault(name *string) *cobra.Command {
	return &cobra.Command{
		Use:     "lock VMID|STORAGE [WHICH]",
		Short:   "somebody else holds a VM's lock (backup, migrate, …), or a storage's",
		Example: "  waddle-lab fault lock 110 backup\n  waddle-lab fault lock local-zfs",
		Args:    args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) == 1 {
				return inject(cmd, *name, pve.Fault{Kind: pve.FaultLock, Storage: a[0]})
			}
			id, err := vmid(a[0])
			if err != nil {
				return err
			}
			return inject(cmd, *name, pve.Fault{Kind: pve.FaultLock, VMID: id, Lock: a[1]})
		},
	}
}

func crashFault(name *string) *cobra.Command {
	return &cobra.Command{
		Use:     "crash VMID",
		Short:   "QEMU of a VM crashes, now",
		Example: "  waddle-lab fault crash 110",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			id, err := vmid(a[0])
			if err != nil {
				return err
			}
			l, err := lab.Open(*name)
			if err != nil {
				return err
			}
			return l.CrashVM(cmd.Context(), id)
		},
	}
}
