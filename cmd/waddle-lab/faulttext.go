package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/waddle-social/waddle/internal/lab/pve"
)

func times(cmd *cobra.Command, f *pve.Fault) {
	cmd.Flags().IntVar(&f.Times, "times", 0, "how often; 0 means until it is cleared")
}

func calls(cmd *cobra.Command, f *pve.Fault) {
	cmd.Flags().StringVar(&f.Method, "method", "", "only calls with this method")
	cmd.Flags().StringVar(&f.Path, "path", "", "only calls whose path below /api2/json begins so")
	times(cmd, f)
}

func vmid(s string) (int, error) {
	id, err := strconv.Atoi(s)
	if err != nil || id < 100 {
		return 0, usageError{fmt.Errorf("%q is no VM's number: 100 and up", s)}
	}
	return id, nil
}

func taskTypes() []string { return slices.Sorted(maps.Keys(pve.Steps())) }

func stepsHelp() string {
	steps := pve.Steps()
	var lines []string
	for _, kind := range []string{"qmcreate", "qmstart", "qmdestroy"} {
		lines = append(lines, "of "+kind+" "+strings.Join(steps[kind], " "))
	}
	return strings.Join(lines, ", ") + " …"
}

func printFaults(w io.Writer, output string, all []pve.Fault) error {
	switch output {
	case "json":
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(all)
	case "table":
		if len(all) == 0 {
			_, err := fmt.Fprintln(w, "nothing goes wrong")
			return err
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "ID\tFAULT\tWHERE\tTIMES")
		for _, f := range all {
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.ID, f.Kind, faultPlace(f), faultTimes(f))
		}
		return t.Flush()
	}
	return usageError{fmt.Errorf("-o %s is unknown: table or json", output)}
}

func faultPlace(f pve.Fault) string {
	var words []string
	say := func(format string, a ...any) { words = append(words, fmt.Sprintf(format, a...)) }
	if f.Task != "" {
		say("task %s", f.Task)
	}
	if f.Step != "" {
		say("step %s", f.Step)
	}
	if f.VMID != 0 {
		say("VM %d", f.VMID)
	}
	if f.Storage != "" {
		say("storage %s", f.Storage)
	}
	if f.Lock != "" {
		say("lock %s", f.Lock)
	}
	if f.Method+f.Path != "" {
		say("%s", strings.TrimSpace(f.Method+" "+f.Path))
	}
	if f.Kind == pve.FaultHTTP {
		if f.Status == 0 {
			say("no answer")
		} else {
			say("status %d", f.Status)
		}
	}
	if len(words) == 0 {
		return "everywhere"
	}
	return strings.Join(words, ", ")
}

func faultTimes(f pve.Fault) string {
	if f.Times == 0 {
		return "until cleared"
	}
	return strconv.Itoa(f.Times)
}
