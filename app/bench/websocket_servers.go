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

// Names of the servers in the tables about WebSockets.
const (
	exampleName           = "smart-factory-backend" // as app/socketio/example
	epollName             = "bare epoll"            // see epoll: what the kernel takes
	fasthttpWebSocketName = "fasthttp/websocket"
	nodeName              = "Node.js"
	clusterName           = "Node.js cluster"
	centrifugeName        = "centrifuge"
)

// Modes of the tables about WebSockets.
const (
	rawWebSocketMode = "raw WebSocket"
	socketIOMode     = "Socket.IO"
)

// contender is a server in a mode, and how it is spoken to.
type webSocketTarget struct {
	mode, name string
	// alone speaks for one client, member for one in the room, publisher for
	// one that sends to the room; a mode has what it has a path for.
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
	// Not Socket.IO, but sessions with calls and channels, too.
	{mode: socketIOMode, name: centrifugeName, echo: centrifugeJSON(false), subscriber: centrifugeJSON(true), publisher: centrifugeJSON(false)},
}

// contenders returns those that are installed, which it notes.
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

// buildPeers makes what the WebSocket subjects need, and finds out which peers
// there are.
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
		_, _ = fmt.Fprintf(stdout, "%s is not compared: %v\n", name, err)
	}
	return nil
}

func (b *runner) findNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.sourceDir, "node", "node_modules", "socket.io")); err != nil {
		return errors.New("its packages are not installed; make setup does that")
	}
	return nil
}

// socketCommand is the command of a server that speaks WebSocket.
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

// rootRequest is what every server that speaks WebSocket answers with 200.
const rootRequest = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n"

// serveSockets starts a server that speaks WebSocket and waits until it answers.
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

// serveAll starts the servers of the contenders; end stops them.
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

// ratios adds to each row of this round what its figure is of Node's with
// Socket.IO, which the contract is about: of one process and of a cluster. The
// ratios' keys begin with short.
func addNodeRatios(t *table, all []webSocketTarget, key, short string) {
	for _, c := range all {
		r := t.row(c.mode, c.name)
		addRatio(r, t.row(socketIOMode, nodeName), key, short+"_vs_node")
		addRatio(r, t.row(socketIOMode, clusterName), key, short+"_vs_cluster")
	}
}

// compare adds to a row what its newest figure is of another's. Where that one
// is missing there is no ratio.
func addRatio(r, with *row, key, ratio string) {
	own, other := r.Figures[key], with.Figures[key]
	if len(own) > 0 && len(other) > 0 {
		r.add(ratio, own[len(own)-1]/other[len(other)-1])
	}
}
