package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Names of the WebSocket servers in the tables.
const (
	exampleName           = "smart-factory-backend" // app/socketio/example
	epollName             = "bare epoll"            // see the program epoll
	fasthttpWebSocketName = "fasthttp/websocket"
	nodeName              = "Node.js"
	clusterName           = "Node.js cluster"
	centrifugeName        = "centrifuge"
)

// Modes of the tables of WebSocket benchmarks.
const (
	rawWebSocketMode = "raw WebSocket"
	socketIOMode     = "Socket.IO"
)

// webSocketTarget is a server in a mode, and the protocols of its clients.
type webSocketTarget struct {
	mode, name string
	// echo is for a client whose messages come back, subscriber for a member of
	// the room, and publisher for one that sends to the room. A protocol without
	// a path is not supported.
	echo, subscriber, publisher protocol
}

var webSocketTargets = []webSocketTarget{
	{mode: rawWebSocketMode, name: exampleName, echo: rawWebSocket("/echo")},
	{mode: rawWebSocketMode, name: epollName, echo: rawWebSocket("/echo"), subscriber: rawWebSocket("/room"), publisher: rawWebSocket("/publish")},
	{mode: rawWebSocketMode, name: fasthttpWebSocketName, echo: rawWebSocket("/echo"), subscriber: rawWebSocket("/room"), publisher: rawWebSocket("/publish")},
	{mode: rawWebSocketMode, name: nodeName, echo: rawWebSocket("/echo")},
	{mode: socketIOMode, name: exampleName, echo: socketIO(""), subscriber: socketIO("&bench=1"), publisher: socketIO("")},
	{mode: socketIOMode, name: nodeName, echo: socketIO(""), subscriber: socketIO("&bench=1"), publisher: socketIO("")},
	{mode: socketIOMode, name: clusterName, echo: socketIO(""), subscriber: socketIO("&bench=1"), publisher: socketIO("")},
	// Not Socket.IO, but sessions with calls and channels as well.
	{mode: socketIOMode, name: centrifugeName, echo: centrifugeJSON(false), subscriber: centrifugeJSON(true), publisher: centrifugeJSON(false)},
}

// availableTargets returns the targets whose programs are installed.
func (b *runner) availableTargets() []webSocketTarget {
	var all []webSocketTarget
	for _, c := range webSocketTargets {
		_, missing := b.missing[c.name]
		if !missing && (!b.skipReferences || c.name == exampleName) {
			all = append(all, c)
		}
	}
	return all
}

// buildWebSocketServers builds the servers of the WebSocket benchmarks, and
// reports those that are missing.
func (b *runner) buildWebSocketServers(ctx context.Context, stdout io.Writer) error {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "smart-factory-backend/app/bench").Output()
	if err != nil {
		return fmt.Errorf("find the benchmark's sources: %w", err)
	}
	b.sourceDir = strings.TrimSpace(string(out))
	for name, pkg := range map[string]string{"example": "smart-factory-backend/app/socketio/example", "fasthttpwebsocket": "smart-factory-backend/app/bench/fasthttpwebsocket", "epoll": "smart-factory-backend/app/bench/epoll"} {
		if err := b.compile(ctx, "", name, pkg); err != nil {
			return err
		}
	}
	b.missing = make(map[string]error)
	if err := b.compile(ctx, filepath.Join(b.sourceDir, "centrifuge"), "centrifuge", "."); err != nil {
		b.missing[centrifugeName] = err
	}
	if err := b.findNode(); err != nil {
		b.missing[nodeName], b.missing[clusterName] = err, err
	}
	for name, err := range b.missing {
		_, _ = fmt.Fprintf(stdout, "%s is left out: %v\n", name, err)
	}
	return nil
}

func (b *runner) findNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.sourceDir, "node", "node_modules", "socket.io")); err != nil {
		return errors.New("its packages are not installed; run make setup")
	}
	return nil
}

// webSocketCommand returns the command of a WebSocket server.
func (b *runner) webSocketCommand(name string, at netip.AddrPort, workers string) *exec.Cmd {
	host, port, address := at.Addr().String(), strconv.Itoa(int(at.Port())), at.String()
	switch name {
	case exampleName:
		cmd := exec.Command(filepath.Join(b.dir, "example"), "-ping-interval", "25s", "-ping-timeout", "20s")
		cmd.Env = []string{"HOST=" + host, "PORT=" + port, "CLUSTER_WORKERS=" + workers}
		return cmd
	case epollName:
		return exec.Command(filepath.Join(b.dir, "epoll"), "-address", address)
	case fasthttpWebSocketName:
		return exec.Command(filepath.Join(b.dir, "fasthttpwebsocket"), "-address", address)
	case centrifugeName:
		return exec.Command(filepath.Join(b.dir, "centrifuge"), "-address", address)
	default:
		cmd := exec.Command("node", filepath.Join(b.sourceDir, "node", "server.js"), host, port)
		if name == clusterName {
			cmd.Args = append(cmd.Args, workers)
		}
		cmd.Env = []string{"NODE_ENV=production"}
		return cmd
	}
}

// rootRequest is a request that every WebSocket server responds to with 200.
const rootRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"

// startWebSocketServer starts a WebSocket server in its own directory, without
// waiting until it is ready.
func (b *runner) startWebSocketServer(name string) (*process, error) {
	dir, address, err := b.newRun()
	if err != nil {
		return nil, err
	}
	return b.startProcess(b.webSocketCommand(name, address, strconv.Itoa(b.workers)), address, dir)
}

// serveWebSocket starts a WebSocket server and waits until it is ready.
func (b *runner) serveWebSocket(ctx context.Context, name string) (*process, error) {
	c, err := b.startWebSocketServer(name)
	if err != nil {
		return nil, err
	}
	if _, err := c.waitReady(ctx, []byte(rootRequest)); err != nil {
		b.stopServer(c)
		return nil, err
	}
	return c, nil
}

// serveWebSockets starts the servers of the targets; end stops them.
func (b *runner) serveWebSockets(ctx context.Context, all []webSocketTarget) (servers map[string]*process, end func(), err error) {
	servers = make(map[string]*process)
	end = func() {
		for _, c := range servers {
			b.stopServer(c)
		}
	}
	for _, c := range all {
		if servers[c.name] != nil {
			continue
		}
		server, err := b.serveWebSocket(ctx, c.name)
		if err != nil {
			end()
			return nil, nil, fmt.Errorf("%s: %w", c.name, err)
		}
		servers[c.name] = server
	}
	return servers, end, nil
}

// addNodeRatios adds to each row the ratios of its last figure to those of
// Node.js with Socket.IO, as one process and as a cluster. The keys of the ratios
// start with prefix.
func addNodeRatios(t *table, all []webSocketTarget, key, prefix string) {
	for _, c := range all {
		r := t.row(c.mode, c.name)
		addRatio(r, t.row(socketIOMode, nodeName), key, prefix+"_vs_node")
		addRatio(r, t.row(socketIOMode, clusterName), key, prefix+"_vs_cluster")
	}
}

// addRatio adds to a row the ratio of its last figure to that of the row base. It
// adds nothing if one of them has no figure.
func addRatio(r, base *row, key, ratio string) {
	figures, baseFigures := r.Figures[key], base.Figures[key]
	if len(figures) > 0 && len(baseFigures) > 0 {
		r.add(ratio, figures[len(figures)-1]/baseFigures[len(baseFigures)-1])
	}
}
