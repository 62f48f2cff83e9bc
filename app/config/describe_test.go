package config_test

import (
	"flag"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

var update = flag.Bool("update", false, "write the table of variables into the manual")

// manualPage is the page of the manual that lists the variables.
const manualPage = "../web/manual/configure.md"

// manualTable matches the table of variables on that page, from the header that
// Markdown writes to the last row.
var manualTable = regexp.MustCompile(`(?m)^\| variable \| default \| meaning \|\n(\|.*\n)+`)

// TestManualListsEveryVariable compares the manual's table with Config. With
// -update it writes the table.
func TestManualListsEveryVariable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(manualPage)
	if err != nil {
		t.Fatal(err)
	}
	at := manualTable.FindIndex(text)
	if at == nil {
		t.Fatalf("%s has no table that begins with\n%.40s", manualPage, config.Markdown())
	}
	if *update {
		whole := string(text[:at[0]]) + config.Markdown() + string(text[at[1]:])
		if err := os.WriteFile(manualPage, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	table := string(text[at[0]:at[1]])
	want, got := rows(config.Markdown()), rows(table)
	for name, row := range want {
		if got[name] != row {
			t.Errorf("%s has the row %q, want %q; run: go test ./app/config -run Manual -update", manualPage, got[name], row)
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("%s lists %s, which is not a variable", manualPage, name)
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|.*$")

// rows returns the row of each variable in a table.
func rows(table string) map[string]string {
	found := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(table, -1) {
		found[match[1]] = match[0]
	}
	return found
}

func TestEveryVariableIsDescribed(t *testing.T) {
	t.Parallel()
	variables := config.Default().Describe()
	if len(variables) < 40 || len(rows(config.Markdown())) != len(variables) {
		t.Errorf("Describe() has %d variables, Markdown() %d", len(variables), len(rows(config.Markdown())))
	}
	for _, v := range variables {
		if v.Meaning == "" || strings.ContainsAny(v.Meaning+v.Default, "|\n") {
			t.Errorf("%s has the meaning %q and default %q, want a text that fits a table", v.Name, v.Meaning, v.Default)
		}
	}
}

func TestDescribeReturnsTheGivenText(t *testing.T) {
	t.Parallel()
	c, problems := load(t, map[string]string{
		"PORT": "banana", "API_KEYS": "a:read:" + secretText, "REDIS_URL": "redis://:" + secretText + "@r", "IDLE_TIMEOUT": "90s", "RATE_LIMIT": "50",
	})
	if len(problems) != 1 {
		t.Fatalf("problems = %v, want that of PORT", problems)
	}
	want := map[string]config.Variable{
		"PORT":               {Value: "banana", Default: "3000", Source: config.FromEnvironment},
		"API_KEYS":           {Value: "***", Source: config.FromEnvironment},
		"REDIS_URL":          {Value: "redis://***@r", Source: config.FromEnvironment},
		"IDLE_TIMEOUT":       {Value: "90s", Default: "120s", Source: config.FromEnvironment},
		"RATE_BURST":         {Value: "50", Default: "RATE_LIMIT", Source: config.FromDefault},
		"WORKER_STALL_AFTER": {Value: "60s", Default: "60s", Source: config.FromDefault},
	}
	for _, v := range c.Describe() {
		if strings.Contains(v.Value, secretText) {
			t.Errorf("Describe() shows the secret in %s", v.Name)
		}
		w, asked := want[v.Name]
		w.Name, w.Meaning, w.Effective = v.Name, v.Meaning, v.Effective
		if asked && v != w {
			t.Errorf("Describe() of %s = %+v, want %+v", v.Name, v, w)
		}
	}
}

func TestDescribeReturnsWhatTakesEffect(t *testing.T) {
	t.Parallel()
	most := strconv.Itoa(runtime.GOMAXPROCS(0))
	for _, tt := range []struct{ name, value, want string }{
		{"CLUSTER_WORKERS", "", most},
		{"CLUSTER_WORKERS", "max", most},
		{"CLUSTER_WORKERS", "4096", most},
		{"CLUSTER_WORKERS", "1", "1"},
		{"CLUSTER_WORKERS", "many", "many"},
		{"CLUSTER_WORKERS", "-1", "-1"},
		{"DATABASE_URL", "", "data/smart-factory.db"},
		{"HOST", "", "every address"},
		{"RATE_BURST", "0", "100000"},
		{"LOG_FORMAT", "", "text"},
		{"RETENTION", "", "forever"},
		{"RETENTION", "30d", "30d"},
		{"STORE_MAX_BYTES", "", "80 % of the disk"},
		{"STORE_MAX_BYTES", "1Gi", "1Gi"},
		{"PORT", " 8080 ", "8080"},
		{"API_KEYS", "a:read:" + secretText, "***"},
	} {
		c, _ := load(t, map[string]string{tt.name: tt.value})
		for _, v := range c.Describe() {
			if v.Name == tt.name && v.Effective != tt.want {
				t.Errorf("with %s=%q, %q takes effect, want %q", tt.name, tt.value, v.Effective, tt.want)
			}
		}
	}
}
