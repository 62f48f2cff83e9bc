// Package manifests_test checks k8s/, docker-compose.yml and the Dockerfile against the
// types of the Kubernetes API, Compose's parser and the server. It is a module of its own,
// so that the server's go.mod does not list Kubernetes and Compose.
package manifests_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the root of the repository.
const root = "../../.."

// binary is the server, built for these tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "manifests")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "smart-factory-backend")
	build := exec.Command("go", "build", "-o", binary, "./cmd/smart-factory-backend")
	build.Dir = root
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// variables returns the names of all environment variables of the server.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "config", "--json")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Variables []struct{ Name string } }
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("config --json: %v\n%s", err, out)
	}
	names := map[string]bool{}
	for _, v := range list.Variables {
		names[v.Name], names[v.Name+"_FILE"] = true, true
	}
	if !names["API_KEYS_FILE"] || !names["SHUTDOWN_DELAY"] {
		t.Fatalf("config --json lists no variables: %s", out)
	}
	return names
}

// checkConfigAccepted fails the test if the server rejects the environment.
func checkConfigAccepted(t *testing.T, name string, env map[string]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "config")
	cmd.Env = []string{}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: the server rejects the configuration: %v\n%s", name, err, stderr.String())
	}
}

// secretFiles writes a value for each variable that comes from a file, and
// returns the paths by variable.
func secretFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for name, value := range map[string]string{
		"API_KEYS":     "admin:admin:0123456789abcdef0123456789abcdef",
		"DATABASE_URL": "postgres://u:p@postgres:5432/u?sslmode=disable",
		"REDIS_URL":    "redis://:p@redis:6379",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		files[name+"_FILE"] = path
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
