package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Names of the HTTP servers in the tables.
const (
	productName  = "smart-factory-backend"
	fasthttpName = "bare fasthttp"
	nginxName    = "nginx return 200"
)

const healthRequest = "GET /api/health HTTP/1.1\r\nHost: bench\r\n\r\n"

// serveHTTP starts a server and waits until it is ready.
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

// startHTTPServer starts a server in its own directory, without waiting until it
// is ready.
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

// productCommand returns the command of the product with an embedded store.
func (b *runner) productCommand(dir string, address netip.AddrPort) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.dir, "server"))
	cmd.Env = []string{
		"HOST=127.0.0.1", "PORT=" + strconv.Itoa(int(address.Port())), "CLUSTER_WORKERS=" + strconv.Itoa(b.workers), "ADMIN_ADDR=",
		"DATA_DIR=" + filepath.Join(dir, "data"), "CONTROL_SOCKET=" + filepath.Join(dir, "control.sock"),
	}
	return cmd
}

// nginxConfig returns a minimal configuration that responds to every request
// with body.
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
