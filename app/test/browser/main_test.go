//go:build integration

// Package browser_test drives the live page in Chromium:
//
//	go test -tags integration ./app/test/browser
//
// The tests are in the folder page, written for Node.js' test runner and Playwright.
// They start the server themselves. Screenshots are kept in bin/screenshots.
package browser_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/postgrestest"
)

const limit = 10 * time.Minute

func TestPage(t *testing.T) {
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatalf("Playwright is not installed; run make setup: %v", err)
	}
	recordSources(t)
	binary := filepath.Join(t.TempDir(), "smart-factory-backend")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/smart-factory-backend").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	screenshots, err := filepath.Abs("../../../bin/screenshots")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("page/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("page/*.test.mjs = %v, %v", files, err)
	}
	database, err := postgrestest.New("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Remove)
	if err := database.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", file)
			cmd.Env = append(os.Environ(), "BINARY="+binary, "SCREENSHOTS="+screenshots, "DATABASE="+database.URL(""))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// recordSources opens the directories of all sources that the test runs: the go command
// reuses a cached result only if nothing that the test opened has changed.
func recordSources(t *testing.T) {
	t.Helper()
	for _, root := range []string{"../..", "../../../cmd", "page"} {
		err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "node_modules" {
				return filepath.SkipDir
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
