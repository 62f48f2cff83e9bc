package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"regexp"
	"runtime/debug"
	"time"
)

// Set at link time, for example with
// -ldflags "-X smart-factory-backend/app/cli.version=1.2.3".
var version, commit, date string

// build identifies the binary.
type build struct {
	version, commit, date, goVersion string
}

// currentBuild returns the values set at link time, completed by those that the
// go command recorded.
func currentBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return completeBuild(build{version: version, commit: commit, date: date}, info)
}

// pseudoVersion matches a module version that the go command makes of a commit's time and hash.
var pseudoVersion = regexp.MustCompile(`[-.](\d{14})-([0-9a-f]{12})(?:\+dirty)?$`)

// completeBuild sets the empty fields of b from info.
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
	if pseudo := pseudoVersion.FindStringSubmatch(info.Main.Version); pseudo != nil { // of go install …@latest
		if at, err := time.Parse("20060102150405", pseudo[1]); err == nil {
			b.date = cmp.Or(b.date, recorded["vcs.time"], at.Format(time.RFC3339))
		}
		b.commit = cmp.Or(b.commit, pseudo[2])
	}
	b.version = cmp.Or(b.version, info.Main.Version, "unknown")
	b.commit = cmp.Or(b.commit, "unknown")
	b.date = cmp.Or(b.date, recorded["vcs.time"], "unknown")
	b.goVersion = cmp.Or(info.GoVersion, "unknown")
	return b
}

func versionCommand() command {
	var asJSON bool
	return command{
		name: "version", options: "[--json]", summary: "print version, commit, date and Go version",
		flags: func(f *flag.FlagSet) {
			f.BoolVar(&asJSON, "json", false, "print JSON")
		},
		run: func(_ context.Context, _ []string, p process) error {
			b := currentBuild()
			if asJSON {
				return writeJSON(p.stdout, map[string]string{
					"version": b.version, "commit": b.commit, "date": b.date, "go": b.goVersion,
				})
			}
			_, err := fmt.Fprintf(p.stdout, "%s %s\ncommit %s\ndate   %s\ngo     %s\n",
				program, b.version, b.commit, b.date, b.goVersion)
			return err
		},
	}
}
