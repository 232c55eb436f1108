package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/waddle-social/waddle/internal/platform"
)

const head = `# The platform document

<!-- Generated from the comments in internal/platform by go run ./internal/platform/gendoc. Do not edit. -->

One YAML file, /etc/waddle/platform.yaml, says what a platform has to be. Every key that it leaves out has the plan's value,
so a real file is short: see [examples/waddle-social.yaml](../examples/waddle-social.yaml).

- ` + "`waddle platform validate FILE`" + ` reports every error at once, each with line, column, key and what would be right. Nothing is changed.
- Sizes are written with a binary unit (` + "`8GiB`" + `), lengths of time with one unit (` + "`30m`, `90d`" + `).
- A key without a value, an empty text and an empty list are errors. To have the default, leave the key out.
- Anchors, aliases, merge keys and tags are not used. The file may have 256 KiB.
- Secrets never stand in the file, only references to them (` + "`op://VAULT/ITEM/FIELD`" + `).
- Addresses that are left out follow ` + "`spec.network.internal.cidr`" + `, names follow ` + "`spec.dns.domain`" + `.

For completion and checks in an editor, put this line at the top of the file:

` + "```yaml" + `
# yaml-language-server: $schema=platform.schema.json
` + "```" + `

and write the schema beside it with ` + "`waddle platform schema > platform.schema.json`" + `.
`

// page is the reference of every key, one section for each mapping.
func page(words map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	entries := platform.Entries()
	section(&b, "", entries, words)
	for _, e := range entries {
		if e.Shape == platform.Mapping {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", e.Path, words[e.Table+"."+e.Field])
			section(&b, e.Path, entries, words)
		}
		if e.Shape == platform.List && e.Element == platform.Mapping {
			fmt.Fprintf(&b, "\n## %s[]\n\nAn element of the list. %s\n", e.Path, words[e.Table+"."+e.Field])
			section(&b, e.Path+"[]", entries, words)
		}
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, path string, entries []platform.Entry, words map[string]string) {
	b.WriteString("\n| key | default | what it is | allowed |\n| --- | --- | --- | --- |\n")
	for _, e := range entries {
		if up, key := cut(e.Path); up == path {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", key, standard(e), cell(words[e.Table+"."+e.Field]), allowed(e))
		}
	}
}

// standard is the default as the table shows it.
func standard(e platform.Entry) string {
	switch d := e.Default.(type) {
	case nil:
		switch {
		case e.Required:
			return "**required**"
		case e.Optional:
			return "none"
		}
		return ""
	case []any:
		var list []string
		for _, v := range d {
			list = append(list, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(list, ", ")
	default:
		return fmt.Sprintf("`%v`", d)
	}
}

func allowed(e platform.Entry) string {
	if e.Shape == platform.Mapping || e.Element == platform.Mapping {
		return fmt.Sprintf("%s, see [below](#%s)", e.Shape, anchor(e))
	}
	text := e.Allowed
	if e.Shape == platform.List {
		text = "a list, each " + text
	}
	return cell(text)
}

// anchor is the id that GitHub gives a heading.
func anchor(e platform.Entry) string {
	return strings.ToLower(strings.NewReplacer(".", "", "[]", "").Replace(e.Path))
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
