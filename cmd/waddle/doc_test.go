package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const referencePage = "../../docs/cli.md"

// TestTheReferencePageIsNotStale compares docs/cli.md with the commands' own
// help; -update writes it anew.
func TestTheReferencePageIsNotStale(t *testing.T) {
	got := reference(t)
	if *update {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(referencePage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/cli.md is stale (-page +commands), go test ./cmd/waddle -run Reference -update writes it anew:\n%s", diff)
	}
}

func TestEveryCommandSaysWhatHappensAndShowsAnExample(t *testing.T) {
	for _, c := range everyCommand() {
		if c.Short == "" || c.Long == "" || c.Example == "" {
			t.Errorf("%s lacks Short, Long or Example", c.CommandPath())
		}
		if c.Long == c.Short {
			t.Errorf("%s: the long text says no more than the short one", c.CommandPath())
		}
	}
}

// everyCommand lists the commands in the order of the page, without cobra's own.
func everyCommand() []*cobra.Command {
	var all []*cobra.Command
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(newRoot(&app{getenv: func(string) string { return "" }}))
	return all
}

func reference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# The command line\n\n<!-- Generated from the commands: go test ./cmd/waddle -run Reference -update -->\n\n")
	commands := everyCommand()
	b.WriteString(commands[0].Long + "\n\n")
	b.WriteString("Shell completion: `waddle completion --help`.\n\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	for _, row := range exitTable(t) {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\n## Flags of every command\n\n" + flagTable(commands[0].PersistentFlags()))
	for _, c := range commands[1:] {
		b.WriteString(section(c))
	}
	return b.String()
}

func section(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", c.CommandPath(), c.Short)
	if !c.HasSubCommands() {
		fmt.Fprintf(&b, "    %s\n\n", strings.TrimSuffix(c.UseLine(), " [flags]"))
	}
	for _, paragraph := range strings.Split(c.Long, "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			paragraph = "```\n" + paragraph + "\n```"
		}
		b.WriteString(paragraph + "\n\n")
	}
	if t := flagTable(c.LocalNonPersistentFlags()); t != "" {
		b.WriteString(t + "\n")
	}
	fmt.Fprintf(&b, "```sh\n%s\n```\n", unindent(c.Example))
	return b.String()
}

func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	}
	return strings.Join(lines, "\n")
}

func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := "`--" + f.Name + "`"
		if kind != "" {
			name = "`--" + f.Name + " " + kind + "`"
		}
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" {
			usage += " (default " + d + ")"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", name, usage)
	})
	if b.Len() == 0 {
		return ""
	}
	return "| flag | meaning |\n| --- | --- |\n" + b.String()
}

// exitTable reads the exit codes and their comments out of exit.go.
func exitTable(t *testing.T) [][2]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "exit.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][2]string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Comment != nil {
			rows = append(rows, [2]string{spec.Values[0].(*ast.BasicLit).Value, strings.TrimSpace(spec.Comment.Text())})
		}
		return true
	})
	if len(rows) != 10 {
		t.Fatalf("exit.go has %d exit codes with a comment, want 10", len(rows))
	}
	return rows
}
