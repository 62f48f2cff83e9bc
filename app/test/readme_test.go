package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEShowsTheMap compares the table in app/README.md with mayImport: each
// folder is there with its layer.
func TestREADMEShowsTheMap(t *testing.T) {
	t.Parallel()
	text := readREADME(t)
	for folder := range mayImport {
		row := fmt.Sprintf("| %d | `%s`", layer(folder), folder)
		switch folder {
		case "cmd":
			row = fmt.Sprintf("| %d | `cmd/smart-factory-backend`", layer(folder))
		case "testkit":
			row = "| – | `testkit`"
		}
		if !strings.Contains(text, row) {
			t.Errorf("app/README.md has no row that begins with %q", row)
		}
	}
}

// TestREADMENamesFilesThatExist checks each path in backquotes, below app or, in
// the table's last rows, in any folder below it.
func TestREADMENamesFilesThatExist(t *testing.T) {
	t.Parallel()
	matches := regexp.MustCompile("`([a-z_/]+\\.go|[a-z]+(?:/[a-z]+)+)`").FindAllStringSubmatch(readREADME(t), -1)
	if len(matches) < 20 {
		t.Fatalf("app/README.md names %d paths: the pattern does not find them", len(matches))
	}
	for _, match := range matches {
		path := match[1]
		if path == "cmd/smart-factory-backend" || strings.HasPrefix(path, "app/") {
			path = "../" + path
		}
		found, err := filepath.Glob(filepath.Join(root, "app", path))
		for _, below := range []string{"*", "*/*"} {
			if len(found) == 0 && err == nil {
				found, err = filepath.Glob(filepath.Join(root, "app", below, path))
			}
		}
		if err != nil || len(found) == 0 {
			t.Errorf("app/README.md names %s, which does not exist (%v)", path, err)
		}
	}
}

func readREADME(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "app/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
