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
)

// Names of the servers in the tables.
const (
	oursName  = "smart-factory-backend"
	bareName  = "bare fasthttp"
	nginxName = "nginx return 200"
)

const healthRequest = "GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n"

// bench knows where everything is.
type bench struct {
	settings
	// dir holds the binaries and the data, and goes at the end.
	dir string
	// body is what the real server says to healthRequest, for its peers to
	// say as well.
	body []byte
	runs int
}

// build makes the binaries.
func (b *bench) build(ctx context.Context) error {
	for name, pkg := range map[string]string{"ours": "smart-factory-backend/cmd/smart-factory-backend", "bare": "smart-factory-backend/app/bench/bare"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(b.dir, name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// launch starts one of the servers in a directory of its own; it need not be
// ready yet.
func (b *bench) launch(name string) (*child, error) {
	b.runs++
	dir := filepath.Join(b.dir, "run"+strconv.Itoa(b.runs))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	var cmd *exec.Cmd
	workers := strconv.Itoa(b.workers)
	switch name {
	case oursName:
		cmd = exec.Command(filepath.Join(b.dir, "ours"))
		cmd.Env = []string{
			"HOST=127.0.0.1", "PORT=" + strconv.Itoa(int(address.Port())), "CLUSTER_WORKERS=" + workers, "ADMIN_ADDR=",
			"DATA_DIR=" + filepath.Join(dir, "data"), "CONTROL_SOCKET=" + filepath.Join(dir, "control.sock"),
		}
	case bareName:
		cmd = exec.Command(filepath.Join(b.dir, "bare"), "-address", address.String(), "-listeners", workers, "-body", string(b.body))
	case nginxName:
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, nginxConfig(dir, address, b.workers, b.body), 0o644); err != nil {
			return nil, err
		}
		cmd = exec.Command(b.nginx, "-p", dir, "-c", file, "-e", filepath.Join(dir, "error.log"))
	}
	cmd.Env = append(cmd.Env, "GOMAXPROCS="+workers, "PATH="+os.Getenv("PATH")) // and no configuration of the caller's
	return spawn(cmd, address, dir)
}

// serve starts one of the servers and waits until it answers.
func (b *bench) serve(ctx context.Context, name string) (*child, error) {
	c, err := b.launch(name)
	if err != nil {
		return nil, err
	}
	body, err := c.ready(ctx, []byte(healthRequest))
	if err != nil {
		b.end(c)
		return nil, err
	}
	if name == oursName {
		b.body = append([]byte(nil), body...)
	}
	return c, nil
}

// end stops a server and tells if that was not in order.
func (b *bench) end(c *child) {
	if err := c.stop(); err != nil {
		b.note("%v", err)
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
