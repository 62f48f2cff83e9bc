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

// read returns the concatenated text of files below the root.
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

// programSource returns the program's Go code without its tests.
func programSource(t *testing.T) string {
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

// documents returns the text of README.md and of each page of the manual, by
// path below the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "app/web/manual/*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("the manual has %d pages, %v", len(pages), err)
	}
	found := map[string]string{"README.md": read(t, "README.md")}
	for _, page := range pages {
		name, err := filepath.Rel(root, page)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = read(t, name)
	}
	return found
}

// TestDocumentationNamesWhatExists checks that what README.md and the manual
// tell an operator to type or to look for exists, letter by letter.
func TestDocumentationNamesWhatExists(t *testing.T) {
	t.Parallel()
	code := programSource(t)
	help := helpText(t)
	deployment := read(t, "docker-compose.yml", ".ci/kube-secret", "Makefile")
	variables := []string{"GOMAXPROCS", "GOMEMLIMIT"}
	for _, v := range config.Default().Describe() {
		variables = append(variables, v.Name, v.Name+"_FILE")
	}
	paths, faults := documentedPaths(t), read(t, "app/server/fault_injection.go")
	inCode := func(name string) bool { return strings.Contains(code, `"`+name) }
	inAnyText := func(name string) bool { return strings.Contains(code, name) }
	tests := []struct {
		what, pattern string
		exists        func(name string) bool
	}{
		{"metric", `\b(smartfactory_[a-z_]*[a-z])\b`, func(name string) bool {
			return strings.Contains(code, `"`+name+`"`) || strings.Contains(code, `"`+strings.TrimPrefix(name, "smartfactory_store_")+`"`)
		}},
		{"log message", "\\b(?:log contains|logs|line is|reason) `([^`]+)`", inCode},
		{"log message", "`((?:workers?|store|damaged|deleted|supervisor|redis|rooms|accept|oldest) [a-z][^`<{]+)`", inCode},
		{"error", "`((?:the store|too much|port in|connect to|open store|TLS cert|control socket|not a |network|written|migrated|already|PostgreSQL is|database enc)[^`…:(]*[^`…:( N])", inAnyText},
		{"error", "`too many ((?:request bodies|connections|sessions)[^`…]*[^`… ])", inAnyText},
		{"variable", "`([A-Z]+(?:_[A-Z0-9]+)+)[`=]", func(name string) bool {
			return slices.Contains(variables, name) || name == "XDG_RUNTIME_DIR" || regexp.MustCompile(`\b`+name+`\b`).MatchString(deployment)
		}},
		{"sub-command", "(?m)(?:^|`|sudo [A-Z_]+=\\S+ |cmd/| /)smart-factory-backend ([a-z]+)\\b", func(name string) bool {
			return strings.Contains(help, "\n  "+name+" ")
		}},
		{"path", "(/api/[a-z0-9{][^`'\"?\\s|<(),;…]*)", func(name string) bool {
			fault, isFault := strings.CutPrefix(name, "/api/faults/") // only with FAULT_INJECTION, so not in the document
			return paths.MatchString(name) || isFault && strings.Contains(faults, `"`+fault)
		}},
		{"page of the manual", `[ =](/manual/[a-z-]+)`, func(name string) bool {
			_, err := os.Stat(filepath.Join(root, "app/web", name+".md"))
			return err == nil
		}},
		{"target of make", "(?m)(?:^|`)make ([a-z-]+)", func(name string) bool { return strings.Contains(deployment, "\n"+name+":") }},
		{"file", "[ `(]((?:app|k8s|cmd|\\.ci)/[A-Za-z0-9._/-]*)", func(name string) bool {
			_, err := os.Stat(filepath.Join(root, name))
			return err == nil
		}},
	}
	all := documents(t)
	for _, tt := range tests {
		matches := 0
		for file, text := range all {
			for _, match := range regexp.MustCompile(tt.pattern).FindAllStringSubmatch(text, -1) {
				matches++
				if name := match[1]; !tt.exists(name) {
					t.Errorf("%s names the %s %q, which does not exist", file, tt.what, name)
				}
			}
		}
		if matches == 0 {
			t.Errorf("no document has a %s like %s: the pattern checks nothing", tt.what, tt.pattern)
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
