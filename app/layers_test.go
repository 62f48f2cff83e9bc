package app_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "smart-factory-backend/"

// level is the map of app/README.md: a package imports lower levels only.
var level = map[string]int{
	"cmd/smart-factory-backend": 7,
	"app/cli":                   6,
	"app":                       5,
	"app/socketio/example":      5,
	"app/socketio/redisadapter": 4,
	"app/realtime":              4,
	"app/socketio":              3,
	"app/engineio":              2,
	"app/httpapi":               2,
	"app/store/sqlite":          1,
	"app/store/postgres":        1,
	"app/store/storetest":       1,
	"app/store/postgrestest":    0,
	"app/replay":                1,
	"app/standalone":            1,
	"app/ws":                    1,
	"app/eventloop":             0, "app/leaktest": 0,
	"app/cluster": 0, "app/factory": 0, "app/access": 0, "app/config": 0,
	"app/hub/redisbroker": 1, "app/hub/hubtest": 1, "app/hub": 0,
	"app/control": 0, "app/health": 0, "app/metrics": 0, "app/lineprotocol": 0,
	"app/metrics/quiet": -1, "app/porttest": -1,
}

// below are the imports within a level that the map allows.
var below = map[string]string{"app/metrics": "app/factory"}

func TestImportsGoDown(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../")))
		if strings.HasPrefix(pkg, "app/bench") {
			return nil // a program of its own, beside the product
		}
		own, known := level[pkg]
		if !known {
			t.Errorf("%s: the package is not in the map", path)
			return nil
		}
		seen[pkg] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if strings.HasSuffix(name, "/template") {
				t.Errorf("%s imports %s: it looks methods up by name, so the linker keeps all of every type, and the binary grows by 13 MB", path, name)
			}
			target, ours := strings.CutPrefix(name, module)
			if ours && level[target] >= own && below[pkg] != target {
				t.Errorf("%s imports %s, which is not below it", path, target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range level {
		if !seen[pkg] {
			t.Errorf("the map has %s, the tree has not", pkg)
		}
	}
}
