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

// runner runs the benchmarks.
type runner struct {
	settings
	// dir holds the binaries and the data. It is removed at the end.
	dir string
	// body is the product's response to healthRequest, which the other servers
	// return as well.
	body    []byte
	lastRun int // number of the last directory of newRun
	// fanoutDrain is how long the last messages of a fanout may take.
	fanoutDrain time.Duration
	// sourceDir is the directory of this program's sources. missing holds the
	// servers that can't be compared, with the reason.
	sourceDir string
	missing   map[string]error
}

// programs maps binaries to their packages.
var programs = map[string]string{
	"server":     "smart-factory-backend/cmd/smart-factory-backend",
	"fasthttp":   "smart-factory-backend/app/bench/fasthttp",
	"storebench": "smart-factory-backend/app/bench/storebench",
}

// build builds some of the programs.
func (b *runner) build(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := b.compile(ctx, "", name, programs[name]); err != nil {
			return err
		}
	}
	return nil
}

// compile builds one binary from a package, in the module of dir.
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

// newRun returns a directory and an address for one run of a server.
func (b *runner) newRun() (dir string, address netip.AddrPort, err error) {
	b.lastRun++
	dir = filepath.Join(b.dir, "run"+strconv.Itoa(b.lastRun))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", address, err
	}
	address, err = freeAddress()
	return dir, address, err
}

// startProcess starts a server without the environment of this process.
func (b *runner) startProcess(cmd *exec.Cmd, address netip.AddrPort, dir string) (*process, error) {
	cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(b.workers), "PATH="+os.Getenv("PATH"))
	return startProcess(cmd, address, dir)
}

// stopServer stops a server and reports an error as progress.
func (b *runner) stopServer(c *process) {
	if err := c.stop(); err != nil {
		b.logf("%v", err)
	}
}

// freeAddress returns a loopback address with a free port.
func freeAddress() (netip.AddrPort, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).AddrPort(), nil
}
