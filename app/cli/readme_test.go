package cli_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

// root is the repository.
const root = "../.."

// read returns the text of files below the repository's root, in a row.
func read(t *testing.T, names ...string) string {
	t.Helper()
	var all bytes.Buffer
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// ownCode returns all the program's own Go code.
func ownCode(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(filepath.Join(root, "app"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"node_modules", "testdata", "bench", "interop"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// named returns what the first group of a pattern matches in the README, each
// once. There has to be something.
func named(t *testing.T, pattern string) []string {
	t.Helper()
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, "README.md"), -1) {
		found = append(found, match[1])
	}
	if len(found) == 0 {
		t.Fatalf("README.md has nothing like %s: the test shows nothing", pattern)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// What the README tells an operator to look for is there, letter by letter.
func TestReadmeNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	code := ownCode(t)
	help := helpText(t)
	elsewhere := read(t, "docker-compose.yml", ".ci/kube-secret", "Makefile")
	var variables []string
	for _, v := range config.Default().Describe() {
		variables = append(variables, v.Name, v.Name+"_FILE")
	}
	paths, faults := documentedPaths(t), read(t, "app/server/faults.go")
	tests := []struct {
		what, pattern string
		exists        func(name string) bool
	}{
		{"metric", `\b(smartfactory_[a-z_]+)`, func(name string) bool {
			return strings.Contains(code, `"`+name+`"`) || strings.Contains(code, `"`+strings.TrimPrefix(name, "smartfactory_store_")+`"`)
		}},
		{"log message", "(?:\\blog|lines) `([^`]+)`", func(name string) bool { return strings.Contains(code, `"`+name) }},
		{"log message", "`((?:workers?|store|damaged|deleted) [^`<{]+)`", func(name string) bool { return strings.Contains(code, `"`+name) }},
		{"variable", "`([A-Z]+(?:_[A-Z0-9]+)+)[`=]", func(name string) bool {
			return slices.Contains(variables, name) || regexp.MustCompile(`\b`+name+`\b`).MatchString(elsewhere)
		}},
		{"sub-command", "(?m)(?:^ {4}[^#\n]*|`[^`\n]*)\\bsmart-factory-backend ([a-z]+)\\b", func(name string) bool {
			return strings.Contains(help, "\n  "+name+" ")
		}},
		{"path", "(/api/[a-z0-9{][^`'?\\s|<(,;…]*)", func(name string) bool {
			fault, ok := strings.CutPrefix(name, "/api/faults/") // not for everybody, so not in the document
			return paths.MatchString(name) || ok && strings.Contains(faults, `"`+fault)
		}},
		{"target of make", "(?m)(?:^ {4}|`)make ([a-z-]+)", func(name string) bool { return strings.Contains(elsewhere, "\n"+name+":") }},
		{"file", "[ `(]((?:app|k8s|cmd|\\.ci)/[A-Za-z0-9._/-]*)", func(name string) bool {
			_, err := os.Stat(filepath.Join(root, name))
			return err == nil
		}},
	}
	for _, tt := range tests {
		for _, name := range named(t, tt.pattern) {
			if !tt.exists(name) {
				t.Errorf("README.md speaks of the %s %q, which there is not", tt.what, name)
			}
		}
	}
}

// documentedPaths matches the paths of the OpenAPI document, with anything in
// their parameters' places.
func documentedPaths(t *testing.T) *regexp.Regexp {
	t.Helper()
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(read(t, "app/api/openapi.json")), &document); err != nil {
		t.Fatal(err)
	}
	var all []string
	for path := range document.Paths {
		all = append(all, regexp.MustCompile(`\\\{[^}]*\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+"))
	}
	return regexp.MustCompile("^(?:" + strings.Join(all, "|") + ")$")
}

// helpText is what the program prints about its sub-commands.
func helpText(t *testing.T) string {
	t.Helper()
	out, err := program(t, nil, "help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
