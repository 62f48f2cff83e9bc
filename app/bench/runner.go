package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Names of the servers in the tables.
const (
	productName  = "smart-factory-backend"
	fasthttpName = "bare fasthttp"
	nginxName    = "nginx return 200"
)

const healthRequest = "GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n"

// bench knows where everything is.
type runner struct {
	settings
	// dir holds the binaries and the data, and goes at the end.
	dir string
	// body is what the real server says to healthRequest, for its peers to
	// say as well.
	body    []byte
	lastRun int
	// fanoutDrain is how long the last messages of a fanout may take.
	fanoutDrain time.Duration
	// sources is where this program's are, and missing the peers that can't
	// be compared, with the reason.
	sourceDir string
	missing   map[string]error
}

// programs are the packages of the binaries that compile makes by name.
var programs = map[string]string{
	"server":     "smart-factory-backend/cmd/smart-factory-backend",
	"fasthttp":   "smart-factory-backend/app/bench/fasthttp",
	"storebench": "smart-factory-backend/app/bench/storebench",
}

// build makes some of the programs.
func (b *runner) build(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := b.compile(ctx, "", name, programs[name]); err != nil {
			return err
		}
	}
	return nil
}

// compile makes one binary, of a package as seen from dir.
func (b *runner) compile(ctx context.Context, dir, name, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(b.dir, name), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}

// launch starts one of the servers in a directory of its own; it need not be
// ready yet.
func (b *runner) startHTTPServer(name string) (*process, error) {
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	workers := strconv.Itoa(b.workers)
	switch name {
	case productName:
		cmd = b.productCommand(dir, address)
	case fasthttpName:
		cmd = exec.Command(filepath.Join(b.dir, "fasthttp"), "-address", address.String(), "-listeners", workers, "-body", string(b.body))
	case nginxName:
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, nginxConfig(dir, address, b.workers, b.body), 0o644); err != nil {
			return nil, err
		}
		cmd = exec.Command(b.nginx, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	}
	return b.startProcess(cmd, address, dir)
}

// ourCommand is the command of the real server, on an embedded store.
func (b *runner) productCommand(dir string, address netip.AddrPort) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.dir, "server"))
	cmd.Env = []string{
		"HOST=127.0.0.1", "PORT=" + strconv.Itoa(int(address.Port())), "CLUSTER_WORKERS=" + strconv.Itoa(b.workers), "ADMIN_ADDR=",
		"DATA_DIR=" + filepath.Join(dir, "data"), "CONTROL_SOCKET=" + filepath.Join(dir, "control.sock"),
	}
	return cmd
}

// launchSockets does the same with one of the servers that speak WebSocket.
func (b *runner) startWebSocketServer(name string) (*process, error) {
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	return b.startProcess(b.webSocketCommand(name, address, strconv.Itoa(b.workers)), address, dir)
}

// place is a directory and an address for one run of a server.
func (b *runner) newRun() (dir string, address netip.AddrPort, err error) {
	b.lastRun++
	dir = filepath.Join(b.dir, "run"+strconv.Itoa(b.lastRun))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", address, err
	}
	address, err = freeAddress()
	return dir, address, err
}

// spawn starts a server with no configuration of the caller's.
func (b *runner) startProcess(cmd *exec.Cmd, address netip.AddrPort, dir string) (*process, error) {
	cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(b.workers), "PATH="+os.Getenv("PATH"))
	return startProcess(cmd, address, dir)
}

// serve starts one of the servers and waits until it answers.
func (b *runner) serveHTTP(ctx context.Context, name string) (*process, error) {
	c, err := b.startHTTPServer(name)
	if err != nil {
		return nil, err
	}
	body, err := c.waitReady(ctx, []byte(healthRequest))
	if err != nil {
		b.stopServer(c)
		return nil, err
	}
	if name == productName {
		b.body = append([]byte(nil), body...)
	}
	return c, nil
}

// end stops a server and tells if that was not in order.
func (b *runner) stopServer(c *process) {
	if err := c.stop(); err != nil {
		b.logf("%v", err)
	}
}

// freeAddress picks a port that is free at this moment.
func freeAddress() (netip.AddrPort, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).AddrPort(), nil
}

// nginxConfig is the least that answers every request with body.
func nginxConfig(dir string, address netip.AddrPort, workers int, body []byte) []byte {
	return fmt.Appendf(nil, `daemon off;
worker_processes %d;
pid %s/nginx.pid;
error_log %s/error.log;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	default_type application/json;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[4]s reuseport;
		return 200 '%[5]s';
	}
}
`, workers, dir, dir, address, body)
}
