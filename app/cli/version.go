package cli

import (
	"context"
	"flag"
	"fmt"
	"runtime/debug"
)

// Set at link time, for instance by
// -ldflags "-X smart-factory-backend/app/cli.version=1.2.3".
var version, commit, date string

// build says what this binary was made from.
type build struct {
	version, commit, date, goVersion string
}

// thisBuild returns what was set at link time, and for the rest what the go
// command recorded.
func currentBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return completeBuild(build{version: version, commit: commit, date: date}, info)
}

// describeBuild fills in from info what is empty in b.
func completeBuild(b build, info *debug.BuildInfo) build {
	recorded := map[string]string{}
	for _, s := range info.Settings {
		recorded[s.Key] = s.Value
	}
	if b.commit == "" {
		b.commit = recorded["vcs.revision"]
		if len(b.commit) > 12 {
			b.commit = b.commit[:12]
		}
		if b.commit != "" && recorded["vcs.modified"] == "true" {
			b.commit += "-modified"
		}
	}
	b.version = firstOf(b.version, info.Main.Version, "unknown")
	b.commit = firstOf(b.commit, "unknown")
	b.date = firstOf(b.date, recorded["vcs.time"], "unknown")
	b.goVersion = firstOf(info.GoVersion, "unknown")
	return b
}

// firstOf returns the first text that isn't empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

func versionCommand() command {
	c := command{name: "version", options: "[--json]", summary: "print version, commit, date and Go version"}
	c.run = func(_ context.Context, args []string, env process) int {
		var asJSON bool
		_, code, ok := c.parseFlags(args, env, func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print JSON")
		})
		if !ok {
			return code
		}
		b := currentBuild()
		if asJSON {
			return printJSON(env, c.name, map[string]string{
				"version": b.version, "commit": b.commit, "date": b.date, "go": b.goVersion,
			})
		}
		_, err := fmt.Fprintf(env.stdout, "%s %s\ncommit %s\ndate   %s\ngo     %s\n",
			program, b.version, b.commit, b.date, b.goVersion)
		return exitStatus(env, c.name, err)
	}
	return c
}
