package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"smart-factory-backend/app/config"
)

func configCommand() command {
	var asJSON bool
	return command{
		name: "config", options: "[--json]",
		summary: "show every variable with its effective value, default and source",
		details: `Secrets are shown as ***. Any variable can also be read from the file that
<NAME>_FILE names. Warnings and problems go to standard error. If there is a
problem, the exit code is 1, as for serve.`,
		flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		run: func(_ context.Context, _ []string, p process) error {
			cfg, err := p.load()
			warnings := cfg.Warnings(p.environ())
			if asJSON {
				problems, _ := errors.AsType[config.Problems](err)
				return cmp.Or(writeJSON(p.stdout, newConfigReport(cfg, warnings, problems)), err)
			}
			writeErr := writeVariables(p, cfg.Describe())
			for _, w := range warnings {
				_, _ = fmt.Fprintf(p.stderr, "warning: %v\n", w)
			}
			return cmp.Or(writeErr, err)
		},
	}
}

// configReport is the output of config --json.
type configReport struct {
	Variables []config.Variable `json:"variables"`
	Warnings  []string          `json:"warnings"`
	Problems  []string          `json:"problems"`
}

func newConfigReport(cfg config.Config, warnings []config.Warning, problems config.Problems) configReport {
	d := configReport{Variables: cfg.Describe(), Warnings: []string{}, Problems: []string{}}
	for _, w := range warnings {
		d.Warnings = append(d.Warnings, w.String())
	}
	for _, p := range problems {
		d.Problems = append(d.Problems, p.String())
	}
	return d
}

// writeVariables writes one line per variable; on a terminal it wraps the text
// to the width.
func writeVariables(p process, variables []config.Variable) error {
	var out strings.Builder
	if width, _, terminal := terminalSize(p.stdout); terminal {
		for _, v := range variables {
			origin := "(" + string(v.Source) + ")"
			if v.Source != config.FromDefault {
				origin = fmt.Sprintf("(%s; default %s)", v.Source, cell(v.Default))
			}
			writeWrapped(&out, "", strings.Join([]string{v.Name, cell(v.Effective), origin}, "  "), width)
			writeWrapped(&out, "    ", v.Meaning, width)
		}
	} else {
		w := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "VARIABLE\tVALUE\tDEFAULT\tSOURCE\tMEANING")
		for _, v := range variables {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, cell(v.Effective), cell(v.Default), v.Source, v.Meaning)
		}
		_ = w.Flush()
	}
	_, err := io.WriteString(p.stdout, out.String())
	return err
}

// writeWrapped writes text in lines that begin with indent and fit width. It
// breaks them at spaces, and inside a word only if that fits no line.
func writeWrapped(out *strings.Builder, indent, text string, width int) {
	room := max(width-len(indent), 1)
	for line := []rune(text); len(line) > 0; {
		n := min(room, len(line))
		if n < len(line) {
			for i := n; i > 0; i-- {
				if line[i] == ' ' {
					n = i
					break
				}
			}
		}
		out.WriteString(indent + strings.TrimRight(string(line[:n]), " ") + "\n")
		line = []rune(strings.TrimLeft(string(line[n:]), " "))
		indent, room = "    ", max(width-4, 1)
	}
}

// cell returns text for a table: - if it is empty, quoted if it contains
// characters that don't print.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
