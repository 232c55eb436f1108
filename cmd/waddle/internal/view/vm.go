package view

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waddle-social/waddle/client"
)

// VMs is a list of virtual machines.
func VMs(all []client.VM) string {
	if len(all) == 0 {
		return "no VMs\n"
	}
	rows := [][]string{{"ID", "NAME", "STATE", "CORES", "MEMORY", "ADDRESS", "WHOSE"}}
	for _, v := range all {
		rows = append(rows, []string{strconv.Itoa(v.ID), orDash(Printable(v.Name)), vmState(v), strconv.Itoa(v.Cores), amount(v.MemoryBytes), orDash(v.Address), whose(v)})
	}
	return Columns(rows...)
}

func vmState(v client.VM) string {
	if v.Lock == "" {
		return string(v.State)
	}
	return fmt.Sprintf("%s (locked: %s)", v.State, Printable(v.Lock))
}

// whose says what a VM has to do with waddle.
func whose(v client.VM) string {
	switch {
	case v.Ours && v.Wanted:
		return "the platform's"
	case v.Ours:
		return "waddle's, and not in the platform document"
	case v.Wanted && v.State == client.VMStateAbsent:
		return "the platform's, not made yet"
	case v.Wanted:
		return "others', with a name and number of the platform: waddle vm adopt " + Printable(v.Name)
	}
	return "others'"
}

// VM is a virtual machine with all that there is to know about it.
func VM(d client.VMDetail, c Clock, st Look) string {
	v := d.VM
	rows := [][]string{
		{"name", Printable(v.Name)}, {"id", strconv.Itoa(v.ID)}, {"state", vmState(v)}, {"whose", whose(v)},
		{"cores", strconv.Itoa(v.Cores)}, {"memory", amount(v.MemoryBytes)},
	}
	if v.UptimeSeconds > 0 {
		rows = append(rows, []string{"up", span(time.Duration(v.UptimeSeconds) * time.Second)})
	}
	if v.Address != "" {
		rows = append(rows, []string{"address", v.Address})
	}
	if len(v.Tags) > 0 {
		rows = append(rows, []string{"tags", Printable(strings.Join(v.Tags, " "))})
	}
	agent := "does not answer"
	if d.Agent {
		agent = "answers"
	}
	rows = append(rows, []string{"guest agent", agent})
	if d.Console != "" {
		rows = append(rows, []string{"console", Printable(d.Console)})
	}
	var b strings.Builder
	b.WriteString(Columns(rows...))
	if len(d.Interfaces) > 0 {
		rows = [][]string{{"INTERFACE", "MAC", "ADDRESSES"}}
		for _, i := range d.Interfaces {
			rows = append(rows, []string{Printable(i.Name), i.Mac, strings.Join(i.Addresses, " ")})
		}
		b.WriteString("\n" + Columns(rows...))
	}
	if len(d.Snapshots) > 0 {
		b.WriteString("\n" + VMSnapshots(d.Snapshots, c))
	}
	if v.Wanted {
		b.WriteString("\n" + vmDifferences(d.Differences, d.Notes, "as the platform wants it", st))
	}
	return b.String()
}

// VMSnapshots is a list of snapshots, oldest first.
func VMSnapshots(all []client.VMSnapshot, c Clock) string {
	if len(all) == 0 {
		return "no snapshots\n"
	}
	rows := [][]string{{"SNAPSHOT", "TAKEN", "MEMORY", "DESCRIPTION"}}
	for _, s := range all {
		memory := "no"
		if s.Memory {
			memory = "yes"
		}
		rows = append(rows, []string{s.Name, c.ago(s.Taken), memory, Printable(s.Description)})
	}
	return Columns(rows...)
}

func vmDifferences(all []client.Difference, notes []string, none string, st Look) string {
	var b strings.Builder
	if len(all) == 0 {
		b.WriteString(none + "\n")
	} else {
		b.WriteString("not as the platform wants it:\n")
	}
	for _, d := range all {
		b.WriteString(difference(d, st))
	}
	for _, n := range notes {
		b.WriteString(st.Dim("  note: "+Printable(n)) + "\n")
	}
	return b.String()
}

// VMAdoption is what the adoption of a virtual machine would take over.
func VMAdoption(a client.VMAdoption, st Look) string {
	return fmt.Sprintf("VM %d (%s) was made by others. As waddle's it would be\n", a.ID, Printable(a.Name)) + vmDifferences(a.Differences, a.Notes, "as the platform wants it", st)
}

// Images is a list of images.
func Images(all []client.Image) string {
	if len(all) == 0 {
		return "no images\n"
	}
	rows := [][]string{{"IMAGE", "SIZE", "STATE", "WHOSE"}}
	for _, i := range all {
		state, who := "ready", "others'"
		if i.Partial {
			state = "not finished"
		}
		if i.Used {
			state += ", in use"
		}
		switch {
		case i.Wanted:
			who = "the platform's"
		case i.Ours:
			who = "not needed: waddle image prune"
		}
		rows = append(rows, []string{Printable(i.Name), amount(i.SizeBytes), state, who})
	}
	return Columns(rows...)
}
