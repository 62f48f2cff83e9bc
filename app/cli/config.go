package cli

import (
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
	c := command{
		name: "config", options: "[--json]",
		summary: "show every variable with its value, default and source",
		details: `Secrets are shown as ***. Every variable may also be read from a file named by
<NAME>_FILE. Warnings and problems go to standard error; with a problem the
exit code is 1, as it would be for serve.`,
	}
	c.run = func(_ context.Context, args []string, env process) int {
		var asJSON bool
		_, code, ok := c.parseFlags(args, env, func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print JSON")
		})
		if !ok {
			return code
		}
		cfg, warnings, err := env.load()
		var problems config.Problems
		if err != nil && !errors.As(err, &problems) {
			return fail(env, c.name, err)
		}
		if asJSON {
			code = printJSON(env, c.name, newConfigReport(cfg, warnings, problems))
		} else {
			code = exitStatus(env, c.name, writeVariables(env, cfg.Describe()))
			for _, w := range warnings {
				_, _ = fmt.Fprintf(env.stderr, "warning: %v\n", w)
			}
		}
		if err != nil {
			return fail(env, c.name, err)
		}
		return code
	}
	return c
}

// description is the JSON form of the configuration.
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

// printVariables writes one line per variable, cut off at the edge of a
// terminal.
func writeVariables(env process, variables []config.Variable) error {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VARIABLE\tVALUE\tDEFAULT\tSOURCE\tMEANING")
	for _, v := range variables {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Name, cell(v.Value), cell(v.Default), v.Source, v.Meaning)
	}
	_ = w.Flush()
	width, _, terminal := terminalSize(env.stdout)
	for line := range strings.Lines(table.String()) {
		line = strings.TrimSuffix(line, "\n")
		if terminal {
			line = clip(line, width)
		}
		if _, err := fmt.Fprintln(env.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// cell returns text such that it can't break a table: - for none, quoted if
// there are characters that don't print.
func cell(text string) string {
	if text == "" {
		return "-"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
