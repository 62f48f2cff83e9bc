//go:build integration

package web_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxPageSize is what the page's script and style sheet may have together after gzip.
const maxPageSize = 120 << 10

// TestBuiltFilesOfThePageMatchTheirSources builds the page with Node.js and compares
// it with the committed files.
func TestBuiltFilesOfThePageMatchTheirSources(t *testing.T) {
	t.Parallel()
	compareBuilt(t, buildPage(t), func(name string) bool { return strings.HasPrefix(name, "page/") })
}

func TestPageIsSmall(t *testing.T) {
	t.Parallel()
	size := 0
	for _, name := range []string{"page.js", "page.css"} {
		info, err := os.Stat("built/page/" + name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		size += int(info.Size())
	}
	if size > maxPageSize {
		t.Errorf("the page's script and style sheet have %d bytes after gzip, want at most %d", size, maxPageSize)
	}
}

// buildPage checks the types of the page's sources and builds them.
func buildPage(t *testing.T) map[string][]byte {
	t.Helper()
	out := t.TempDir()
	for _, command := range [][]string{
		{"node_modules/.bin/tsc", "--noEmit"},
		{"node_modules/.bin/vite", "build", "--logLevel", "warn", "--outDir", out},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Dir = "page"
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, output)
		}
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"page.js", "page.css"} {
		files["page/"+name] = readFile(t, filepath.Join(out, "assets", name))
		sum.Write(files["page/"+name])
	}
	release := fmt.Sprintf("/assets/%x/", sum.Sum(nil)[:8])
	html := readFile(t, filepath.Join(out, "index.html"))
	if bytes.Count(html, []byte("/assets/")) != len(files) {
		t.Fatalf("index.html names other files than %d:\n%s", len(files), html)
	}
	files["page/index.html"] = bytes.ReplaceAll(html, []byte("/assets/"), []byte(release))
	entries, err := os.ReadDir(filepath.Join(out, "assets"))
	if err != nil || len(entries) != 2 {
		t.Fatalf("the build wrote %v, %v; want a script and a style sheet", entries, err)
	}
	return files
}
