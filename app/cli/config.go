package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"smart-factory-backend/app/config"
)

func configCommand() command {
	var asJSON bool
	return command{
		name: "config", options: "[--json]",
		summary: "show every variable with its value, default and source",
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

// writeVariables writes one line per variable, clipped to the width of a
// terminal.
func writeVariables(p process, variables []config.Variable) error {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VARIABLE\tVALUE\tDEFAULT\tSOURCE\tMEANING")
	for _, v := range variables {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, cell(v.Value), cell(v.Default), v.Source, v.Meaning)
	}
	_ = w.Flush()
	width, _, terminal := terminalSize(p.stdout)
	for line := range strings.Lines(table.String()) {
		line = strings.TrimSuffix(line, "\n")
		if terminal {
			line = clip(line, width)
		}
		if _, err := fmt.Fprintln(p.stdout, line); err != nil {
			return err
		}
	}
	return nil
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
