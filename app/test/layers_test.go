package test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "smart-factory-backend/"

// mayImport is the map of app/README.md: for each folder of app, the folders
// that its packages may import. Packages of one folder may import each other.
var mayImport = map[string][]string{
	"cmd":       {"cli"},
	"cli":       {"cluster", "config", "control", "factory", "server"},
	"server":    {"access", "api", "cluster", "config", "control", "factory", "live", "observe", "socketio", "store", "web", "websocket"},
	"live":      {"access", "factory", "socketio", "websocket"},
	"api":       {"access", "factory", "ingest", "observe"},
	"ingest":    {"factory"},
	"socketio":  {"cluster", "websocket"},
	"web":       {},
	"websocket": {},
	"cluster":   {},
	"store":     {"factory"},
	"factory":   {},
	"access":    {},
	"config":    {},
	"control":   {},
	"observe":   {"factory"},
	"testkit":   {},
}

// layer is the height of a folder over those that it imports.
func layer(folder string) int {
	height := 0
	for _, below := range mayImport[folder] {
		height = max(height, layer(below))
	}
	return height + 1
}

// folderOf names the folder of app, or cmd, that a path below the root is in.
func folderOf(path string) string {
	parts := strings.Split(path, "/")
	if parts[0] == "app" && len(parts) > 1 {
		return parts[1]
	}
	return parts[0]
}

func TestImportsFollowTheMap(t *testing.T) {
	t.Parallel()
	const root = "../.."
	seen := map[string]bool{}
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
			return nil // programs of their own, beside the product
		}
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: app/%s is not in the map", path, folder)
			return nil
		}
		seen[folder] = true
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if strings.HasSuffix(name, "/template") {
				t.Errorf("%s imports %s: it calls methods by name, so the linker keeps every method of every type, and the binary grows by 13 MB", path, name)
			}
			target, ours := strings.CutPrefix(name, module)
			if below := folderOf(target); ours && below != folder && !slices.Contains(allowed, below) {
				t.Errorf("%s imports %s: app/%s may not import app/%s", path, target, folder, below)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	arrows := 0
	for folder, below := range mayImport {
		arrows += len(below)
		if !seen[folder] {
			t.Errorf("the map has %s, the tree has not", folder)
		}
	}
	if top := layer("cmd"); arrows > 40 || top > 7 {
		t.Errorf("the map has %d imports on %d layers, want at most 40 on 7", arrows, top)
	}
}
