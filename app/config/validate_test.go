package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smart-factory-backend/app/config"
)

const goodKeys = "press:ingest:0123456789abcdef"

func TestProblemsNameTheVariableTheValueAndWhatIsAccepted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		variables map[string]string
		want      string // of the only problem
	}{
		"workers not a number":               {map[string]string{"CLUSTER_WORKERS": "banana"}, `CLUSTER_WORKERS="banana": want a whole number, at least 0`},
		"workers negative":                   {map[string]string{"CLUSTER_WORKERS": "-1"}, `CLUSTER_WORKERS="-1": want a whole number, at least 0`},
		"workers not whole":                  {map[string]string{"CLUSTER_WORKERS": "1.5"}, `CLUSTER_WORKERS="1.5": want a whole number, at least 0`},
		"workers beyond an int":              {map[string]string{"CLUSTER_WORKERS": "99999999999999999999"}, `CLUSTER_WORKERS="99999999999999999999": want a whole number, at least 0`},
		"port too high":                      {map[string]string{"PORT": "65536"}, `PORT="65536": want a whole number from 0 to 65535`},
		"host with a port":                   {map[string]string{"HOST": "127.0.0.1:80"}, `HOST="127.0.0.1:80": want an IP address or host name without a port, or nothing for every address`},
		"environment unknown":                {map[string]string{"NODE_ENV": "staging"}, `NODE_ENV="staging": want development or production`},
		"level unknown":                      {map[string]string{"LOG_LEVEL": "info+1"}, `LOG_LEVEL="info+1": want debug, info, warn or error`},
		"format unknown":                     {map[string]string{"LOG_FORMAT": "xml"}, `LOG_FORMAT="xml": want text or json`},
		"PostgreSQL, no database":            {map[string]string{"DATABASE_URL": "postgres://u:pw@db"}, `DATABASE_URL="postgres://***@db": want postgres://user:password@host:port/database`},
		"PostgreSQL, no host":                {map[string]string{"DATABASE_URL": "postgresql:///f"}, `DATABASE_URL="postgresql:///f": want postgres://user:password@host:port/database`},
		"too few connections":                {map[string]string{"DATABASE_MAX_CONNECTIONS": "5"}, `DATABASE_MAX_CONNECTIONS="5": want a whole number from 7 to 10000`},
		"SQLite, relative":                   {map[string]string{"DATABASE_URL": "sqlite://data/f.db"}, `DATABASE_URL="sqlite://data/f.db": want sqlite:///absolute/path/to/file.db, postgres://user:password@host:port/database, or nothing for a file under DATA_DIR`},
		"SQLite, a directory":                {map[string]string{"DATABASE_URL": "sqlite:///data/"}, `DATABASE_URL="sqlite:///data/": want sqlite:///absolute/path/to/file.db, postgres://user:password@host:port/database, or nothing for a file under DATA_DIR`},
		"Redis, wrong scheme":                {map[string]string{"REDIS_URL": "http://:pw@r:6379/0"}, `REDIS_URL="http://***@r:6379/0": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"Redis cluster, no host":             {map[string]string{"REDIS_URL": "redis://a:6379,"}, `REDIS_URL="***": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"Redis cluster, no port":             {map[string]string{"REDIS_URL": "redis://a:6379,b:x"}, `REDIS_URL="***": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"Redis cluster, database":            {map[string]string{"REDIS_URL": "redis://a,b/1"}, `REDIS_URL="redis://a,b/1": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"Redis cluster, socket":              {map[string]string{"REDIS_URL": "unix://a,b"}, `REDIS_URL="unix://a,b": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"Redis, malformed URL":               {map[string]string{"REDIS_URL": "redis:/%zz/pw"}, `REDIS_URL="***": want redis://[user:password@]host:port, rediss:// for TLS, unix:///path, redis://host:port,host:port for a cluster, or nothing`},
		"unpacked limit below body limit":    {map[string]string{"MAX_BODY_BYTES": "64Mi"}, `MAX_UNPACKED_BYTES="32Mi": want at least MAX_BODY_BYTES`},
		"header limit below a buffer":        {map[string]string{"MAX_HEADER_BYTES": "1Ki"}, `MAX_HEADER_BYTES="1Ki": want 4Ki to 1Mi`},
		"read timeout not below stall limit": {map[string]string{"READ_TIMEOUT": "60s"}, `READ_TIMEOUT="60s": want less than WORKER_STALL_AFTER: a handler waits for so long for a body`},
		"commit wait not below stall limit":  {map[string]string{"INGEST_TIMEOUT": "2m"}, `INGEST_TIMEOUT="2m": want less than WORKER_STALL_AFTER: a handler waits for so long for a commit`},
		"query not below stall limit": {
			map[string]string{"DATABASE_URL": "postgres://u@h/d", "DATABASE_STATEMENT_TIMEOUT": "1m"},
			`DATABASE_STATEMENT_TIMEOUT="1m": want less than WORKER_STALL_AFTER: a handler waits for so long for a query`,
		},
		"spread longer than the shutdown":     {map[string]string{"SHUTDOWN_TIMEOUT": "1s"}, `SHUTDOWN_SPREAD="2s": want at most SHUTDOWN_TIMEOUT, when the last sessions are closed`},
		"ping interval not below stall limit": {map[string]string{"PING_INTERVAL": "60s"}, `PING_INTERVAL="60s": want less than WORKER_STALL_AFTER: a poll waits for so long`},
		"socket queue too small":              {map[string]string{"WS_QUEUE_BYTES": "1Ki"}, `WS_QUEUE_BYTES="1Ki": want at least 64Ki`},
		"origin with a path":                  {map[string]string{"ALLOWED_ORIGINS": "https://a,https://b/"}, `ALLOWED_ORIGINS="https://a,https://b/": "https://b/" is not an origin such as https://screens.example.com or https://*.example.com, nor *`},
		"proxy by name":                       {map[string]string{"TRUSTED_PROXIES": "10.0.0.0/8,nginx"}, `TRUSTED_PROXIES="10.0.0.0/8,nginx": "nginx" is neither an address nor a CIDR range such as 10.0.0.0/8`},
		"admin without a port":                {map[string]string{"ADMIN_ADDR": "127.0.0.1"}, `ADMIN_ADDR="127.0.0.1": want host:port, or nothing to disable it`},
		"admin, port too high":                {map[string]string{"ADMIN_ADDR": ":70000"}, `ADMIN_ADDR=":70000": want host:port, or nothing to disable it`},
		"socket path too long":                {map[string]string{"CONTROL_SOCKET": "/" + strings.Repeat("x", 107)}, `CONTROL_SOCKET="/` + strings.Repeat("x", 107) + `": want a path of at most 107 bytes, this one has 108`},
		"not a boolean":                       {map[string]string{"AUTO_REGISTER": "maybe"}, `AUTO_REGISTER="maybe": want true or false`},
		"duration without unit":               {map[string]string{"READ_TIMEOUT": "10"}, `READ_TIMEOUT="10": want a duration such as 500ms, 30s, 5m or 30d, over 0`},
		"timeout of zero":                     {map[string]string{"IDLE_TIMEOUT": "0s"}, `IDLE_TIMEOUT="0s": want a duration such as 500ms, 30s, 5m or 30d, over 0`},
		"delay negative":                      {map[string]string{"SHUTDOWN_DELAY": "-1s"}, `SHUTDOWN_DELAY="-1s": want a duration such as 500ms, 30s, 5m or 30d, at least 0`},
		"limit of zero":                       {map[string]string{"MAX_SERIES": "0"}, `MAX_SERIES="0": want a whole number, over 0`},
		"size with a wrong unit":              {map[string]string{"MAX_BODY_BYTES": "4MB"}, `MAX_BODY_BYTES="4MB": want a size such as 65536, 512Ki or 4Mi, over 0`},
		"faults in production":                {map[string]string{"NODE_ENV": "production", "API_KEYS": goodKeys, "FAULT_INJECTION": "true"}, `FAULT_INJECTION="true": is refused in production`},
		"no key in production":                {map[string]string{"NODE_ENV": "production"}, `API_KEYS="": want at least one key in production`},
		"certificate alone":                   {map[string]string{"TLS_CERT_FILE": "/c.pem"}, `TLS_KEY_FILE="": want a key, since TLS_CERT_FILE is set`},
		"key alone":                           {map[string]string{"TLS_KEY_FILE": "/k.pem"}, `TLS_CERT_FILE="": want a certificate, since TLS_KEY_FILE is set`},
		"no such certificate":                 {map[string]string{"TLS_CERT_FILE": "/no/c.pem", "TLS_KEY_FILE": "/no/k.pem"}, `TLS_CERT_FILE="/no/c.pem": open /no/c.pem: no such file or directory`},
		"queue smaller than a request":        {map[string]string{"INGEST_QUEUE": "49999"}, `INGEST_QUEUE="49999": want at least MAX_POINTS_PER_REQUEST`},
		"memory smaller than a body":          {map[string]string{"INGEST_MEMORY": "1Mi"}, `INGEST_MEMORY="1Mi": want at least MAX_BODY_BYTES`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := load(t, tt.variables)
			if len(problems) != 1 || problems[0].String() != tt.want {
				t.Errorf("problems of %v = %v, want only\n%s", tt.variables, problems, tt.want)
			}
		})
	}
}

func TestSpacesAndWordsOfPM2AreAccepted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"4 ": 4, "\t4\n": 4, "max": 0, "auto": 0, "MAX": 0, " Auto ": 0, " ": 0, "0": 0} {
		c, problems := load(t, map[string]string{"CLUSTER_WORKERS": text})
		if problems != nil || c.Workers != want {
			t.Errorf("CLUSTER_WORKERS=%q is %d, %v, want %d", text, c.Workers, problems, want)
		}
	}
	c, problems := load(t, map[string]string{
		"NODE_ENV": "production ", "HOST": " ::", "PORT": " 80", "AUTO_REGISTER": "false ", "READ_TIMEOUT": " 3s", "MAX_BODY_BYTES": "1Mi ",
		"LOG_LEVEL": " debug", "API_KEYS": " press:ingest:0123456789abcdef ",
	})
	if problems != nil || !c.Production() || c.Host != "::" || c.Port != 80 || c.AutoRegister || c.MaxBodyBytes != 1<<20 {
		t.Errorf("with spaces: %+v, %v", c, problems)
	}
	if _, problems := load(t, map[string]string{"PORT": "max"}); len(problems) != 1 {
		t.Errorf("PORT=max: %v, want one problem", problems)
	}
}

func TestAPIKeyProblemsNameThePositionOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys, want string
		production bool
	}{
		"not a key":            {keys: "hush-hush", want: "key 1: want name:role:secret"},
		"no secret":            {keys: "a:read:", want: "key 1: want name:role:secret"},
		"trailing comma":       {keys: "a:read:hush,", want: "key 2: want name:role:secret"},
		"role unknown":         {keys: "a:read:hush,hush:write:b", want: "key 2: want the role read, ingest, operate or admin"},
		"name with a space":    {keys: "a b:read:hush", want: "key 1: want a name of 1 to 64 letters, digits or ._-"},
		"secret with a space":  {keys: "a:read:hush hush", want: "key 1: want a secret of printable ASCII without spaces"},
		"secret too long":      {keys: "a:read:" + strings.Repeat("hush", 129), want: "key 1: want a secret of at most 512 bytes"},
		"name used twice":      {keys: "a:read:hush1,b:read:hush2,a:admin:hush3", want: "key 3: has the name of key 1"},
		"secret used twice":    {keys: "a:read:hush,b:read:hush", want: "key 2: has the secret of key 1"},
		"two problems":         {keys: "hush,a:hush:x", want: "key 1: want name:role:secret; key 2: want the role read, ingest, operate or admin"},
		"short, in production": {keys: goodKeys + ",b:read:hush", production: true, want: "key 2: want a secret of at least 16 characters in production"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"API_KEYS": tt.keys}
			if tt.production {
				variables["NODE_ENV"] = "production"
			}
			_, problems := load(t, variables)
			if want := `API_KEYS="***": ` + tt.want; len(problems) != 1 || problems[0].String() != want {
				t.Errorf("problems of API_KEYS=%q = %v, want only\n%s", tt.keys, problems, want)
			}
		})
	}
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{
		"CLUSTER_WORKERS": "banana", "PORT": "http", "MAX_BODY_BYTES": "4MB", "API_KEYS": "hush",
		"READ_TIMEOUT": "soon", "NODE_ENV": "test",
	})
	want := `the configuration has 6 problems:
  PORT="http": want a whole number from 0 to 65535
  CLUSTER_WORKERS="banana": want a whole number, at least 0
  NODE_ENV="test": want development or production
  API_KEYS="***": key 1: want name:role:secret
  READ_TIMEOUT="soon": want a duration such as 500ms, 30s, 5m or 30d, over 0
  MAX_BODY_BYTES="4MB": want a size such as 65536, 512Ki or 4Mi, over 0`
	if problems.Error() != want {
		t.Errorf("Error() = %s\nwant %s", problems.Error(), want)
	}
}

func TestAboutSelectsTheProblemsOfTheNamedVariables(t *testing.T) {
	t.Parallel()
	_, problems := load(t, map[string]string{"PORT": "http", "MAX_SERIES": "-3"})
	if err := problems.About("HOST", "CONTROL_SOCKET"); err != nil {
		t.Errorf("About(HOST, CONTROL_SOCKET) = %v, want nil", err)
	}
	var about config.Problems
	if err := problems.About("HOST", "PORT"); !errors.As(err, &about) || len(about) != 1 || about[0].Variable != "PORT" {
		t.Errorf("About(HOST, PORT) = %v, want the problem of PORT", err)
	}
}

func TestVariablesAreReadFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("without the newline at the end", func(t *testing.T) {
		c, problems := load(t, map[string]string{
			"API_KEYS_FILE": file("keys", goodKeys+"\r\n"), "PORT_FILE": file("port", "8080\n"),
		})
		if len(problems) > 0 || c.APIKeys.Reveal() != goodKeys || c.Port != 8080 {
			t.Errorf("Load() = keys %q, port %d, %v, want those of the files", c.APIKeys.Reveal(), c.Port, problems)
		}
		for _, v := range c.Describe() {
			if (v.Source == config.FromFile) != (v.Name == "API_KEYS" || v.Name == "PORT") {
				t.Errorf("source of %s = %s", v.Name, v.Source)
			}
		}
	})
	t.Run("after the file has changed", func(t *testing.T) {
		path := file("changing", "warn")
		before, _ := load(t, map[string]string{"LOG_LEVEL_FILE": path})
		file("changing", "debug")
		after, _ := load(t, map[string]string{"LOG_LEVEL_FILE": path})
		if before.LogLevel == after.LogLevel {
			t.Errorf("LOG_LEVEL before and after = %v, want a different level", after.LogLevel)
		}
	})
	short := file("short", "a:read:hush")
	huge := file("huge", strings.Repeat("x", 1<<20+1))
	tests := map[string]struct {
		variables map[string]string
		want      string
	}{
		"both are set":            {map[string]string{"API_KEYS": "a:read:hush", "API_KEYS_FILE": short}, `API_KEYS="***": API_KEYS_FILE="` + short + `" is set, too; want one of them`},
		"both are set, one empty": {map[string]string{"ADMIN_ADDR": "", "ADMIN_ADDR_FILE": short}, `ADMIN_ADDR="": ADMIN_ADDR_FILE="` + short + `" is set, too; want one of them`},
		"no such file":            {map[string]string{"PORT_FILE": dir + "/none"}, `PORT="": open ` + dir + `/none: no such file or directory (from PORT_FILE=` + dir + `/none)`},
		"a directory":             {map[string]string{"PORT_FILE": dir}, `PORT="": read ` + dir + `: is a directory (from PORT_FILE=` + dir + `)`},
		"too large":               {map[string]string{"API_KEYS_FILE": huge}, `API_KEYS="": ` + huge + ` holds more than 1048576 bytes (from API_KEYS_FILE=` + huge + `)`},
		"contents refused":        {map[string]string{"API_KEYS_FILE": short, "NODE_ENV": "production"}, `API_KEYS="***": key 1: want a secret of at least 16 characters in production (from API_KEYS_FILE=` + short + `)`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := load(t, tt.variables)
			if len(problems) != 1 || problems[0].String() != tt.want {
				t.Errorf("problems of %v = %v, want only\n%s", tt.variables, problems, tt.want)
			}
		})
	}
}

func TestRedisClusterURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"redis://a:6379,b:6379,c:6379", "rediss://user:p,w@a:6379,b:6379/", "redis://[::1]:1,[::1]:2", "redis://a,b",
	} {
		if _, err := load(t, map[string]string{"REDIS_URL": url}); err != nil {
			t.Errorf("REDIS_URL=%s: %v", url, err)
		}
	}
}
