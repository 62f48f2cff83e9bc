// Package test checks rules that concern the source tree as a whole.
package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "smart-factory-backend/"
)

// mayImport is the map of app/README.md: for each folder of app, and for cmd, the
// other folders that its packages import. Packages of one folder may import each
// other. Tests may import any package.
var mayImport = map[string][]string{
	"cmd":       {"cli"},
	"cli":       {"cluster", "config", "control", "factory", "server"},
	"server":    {"access", "api", "cluster", "config", "control", "factory", "live", "observe", "plant", "socketio", "store", "web", "websocket"},
	"live":      {"access", "factory", "socketio", "websocket"},
	"api":       {"access", "factory", "ingest", "observe"},
	"ingest":    {"factory"},
	"plant":     {"factory"},
	"socketio":  {"cluster", "websocket"},
	"web":       {},
	"websocket": {},
	"cluster":   {},
	"store":     {"factory"},
	"factory":   {},
	"access":    {},
	"config":    {"access"},
	"control":   {},
	"observe":   {"factory"},
	"testkit":   {},
}

// layer returns the layer of a folder: one more than the highest that it imports.
func layer(folder string) int {
	height := 0
	for _, imported := range mayImport[folder] {
		height = max(height, layer(imported))
	}
	return height + 1
}

// folderOf returns the folder of app that holds path, or the first element of a
// path outside app. path is relative to the root of the module.
func folderOf(path string) string {
	parts := strings.Split(path, "/")
	if parts[0] == "app" && len(parts) > 1 {
		return parts[1]
	}
	return parts[0]
}

func TestImportsFollowTheMap(t *testing.T) {
	t.Parallel()
	imported := map[string]map[string]bool{} // by importing folder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		folder := folderOf(path)
		if folder == "bench" || folder == "test" {
			return nil // not part of the product
		}
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: the folder %s is not in the map", path, folder)
			return nil
		}
		if imported[folder] == nil {
			imported[folder] = map[string]bool{}
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if strings.HasSuffix(name, "/template") {
				t.Errorf("%s imports %s, which calls methods by name: the linker then keeps every method of every type, and the binary grows by 13 MB", path, name)
			}
			target, ours := strings.CutPrefix(name, module)
			if !ours || folderOf(target) == folder {
				continue
			}
			imported[folder][folderOf(target)] = true
			if !slices.Contains(allowed, folderOf(target)) {
				t.Errorf("%s imports %s: %s may not import %s", path, target, folder, folderOf(target))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	imports := 0
	for folder, allowed := range mayImport {
		imports += len(allowed)
		if imported[folder] == nil {
			t.Errorf("the map has the folder %s, the source tree does not", folder)
		}
		for _, name := range allowed {
			if !imported[folder][name] {
				t.Errorf("the map lets %s import %s, but no package does", folder, name)
			}
		}
	}
	if top := layer("cmd"); imports > 40 || top > 7 {
		t.Errorf("the map has %d imports on %d layers, want at most 40 on 7", imports, top)
	}
}

// depguardRule matches a rule of .golangci.yml for the whole of one folder.
var depguardRule = regexp.MustCompile(`files: \["\*\*/(cmd|app/\w+)/\*\*", "!\*\*/\*_test\.go"\]\n +allow: \[(.*)\]`)

func TestLintersHaveTheSameMap(t *testing.T) {
	t.Parallel()
	config, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string][]string{}
	for _, rule := range depguardRule.FindAllStringSubmatch(string(config), -1) {
		folder := folderOf(rule[1])
		rules[folder] = []string{}
		for allowed := range strings.SplitSeq(rule[2], ", ") {
			target, ours := strings.CutPrefix(strings.TrimSuffix(allowed, "$"), module)
			if ours && folderOf(target) != folder {
				rules[folder] = append(rules[folder], folderOf(target))
			}
		}
		slices.Sort(rules[folder])
	}
	if !maps.EqualFunc(rules, mayImport, slices.Equal) {
		t.Errorf("depguard allows %v, want %v", rules, mayImport)
	}
}
