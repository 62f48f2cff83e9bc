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
	exampleName    = "smart-factory-backend" // as app/socketio/example
	epollName      = "bare epoll"            // see epoll: what the kernel takes
	peerName       = "fasthttp/websocket"
	nodeName       = "Node.js"
	clusterName    = "Node.js cluster"
	centrifugeName = "centrifuge"
)

// Modes of the tables about WebSockets.
const (
	rawMode     = "raw WebSocket"
	sessionMode = "Socket.IO"
)

// contender is a server in a mode, and how it is spoken to.
type contender struct {
	mode, name string
	// alone speaks for one client, member for one in the room, publisher for
	// one that sends to the room; a mode has what it has a path for.
	alone, member, publisher dialect
}

var contenders = []contender{
	{mode: rawMode, name: exampleName, alone: plain("/echo")},
	{mode: rawMode, name: epollName, alone: plain("/echo"), member: plain("/room"), publisher: plain("/publish")},
	{mode: rawMode, name: peerName, alone: plain("/echo"), member: plain("/room"), publisher: plain("/publish")},
	{mode: rawMode, name: nodeName, alone: plain("/echo")},
	{mode: sessionMode, name: exampleName, alone: socketIO(""), member: socketIO("&bench=1"), publisher: socketIO("")},
	{mode: sessionMode, name: nodeName, alone: socketIO(""), member: socketIO("&bench=1"), publisher: socketIO("")},
	{mode: sessionMode, name: clusterName, alone: socketIO(""), member: socketIO("&bench=1"), publisher: socketIO("")},
	// Not Socket.IO, but sessions with calls and channels, too.
	{mode: sessionMode, name: centrifugeName, alone: centrifugeJSON(false), member: centrifugeJSON(true), publisher: centrifugeJSON(false)},
}

// contenders returns those that are installed, which it notes.
func (b *bench) contenders() []contender {
	var all []contender
	for _, c := range contenders {
		_, missing := b.missing[c.name]
		if !missing && (!b.alone || c.name == exampleName) {
			all = append(all, c)
		}
	}
	return all
}

// buildPeers makes what the WebSocket subjects need, and finds out which peers
// there are.
func (b *bench) buildPeers(ctx context.Context, stdout io.Writer) error {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "smart-factory-backend/app/bench").Output()
	if err != nil {
		return fmt.Errorf("find the benchmark's sources: %w", err)
	}
	b.sources = strings.TrimSpace(string(out))
	for name, pkg := range map[string]string{"example": "smart-factory-backend/app/socketio/example", "peer": "smart-factory-backend/app/bench/peer", "epoll": "smart-factory-backend/app/bench/epoll"} {
		if err := b.compile(ctx, "", name, pkg); err != nil {
			return err
		}
	}
	b.missing = make(map[string]error)
	if err := b.compile(ctx, filepath.Join(b.sources, "centrifuge"), "centrifuge", "."); err != nil {
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

func (b *bench) findNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.sources, "node", "node_modules", "socket.io")); err != nil {
		return errors.New("its packages are not installed; make setup does that")
	}
	return nil
}

// socketCommand is the command of a server that speaks WebSocket.
func (b *bench) socketCommand(name string, at netip.AddrPort, workers string) *exec.Cmd {
	host, port, address := at.Addr().String(), strconv.Itoa(int(at.Port())), at.String()
	switch name {
	case exampleName:
		cmd := exec.Command(filepath.Join(b.dir, "example"), "-ping-interval", "25s", "-ping-timeout", "20s")
		cmd.Env = []string{"HOST=" + host, "PORT=" + port, "CLUSTER_WORKERS=" + workers}
		return cmd
	case epollName:
		return exec.Command(filepath.Join(b.dir, "epoll"), "-address", address)
	case peerName:
		return exec.Command(filepath.Join(b.dir, "peer"), "-address", address)
	case centrifugeName:
		return exec.Command(filepath.Join(b.dir, "centrifuge"), "-address", address)
	default:
		cmd := exec.Command("node", filepath.Join(b.sources, "node", "server.js"), host, port)
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
func (b *bench) serveSockets(ctx context.Context, name string) (*child, error) {
	c, err := b.launchSockets(name)
	if err != nil {
		return nil, err
	}
	if _, err := c.ready(ctx, []byte(rootRequest)); err != nil {
		b.end(c)
		return nil, err
	}
	return c, nil
}

// serveAll starts the servers of the contenders; end stops them.
func (b *bench) serveAll(ctx context.Context, all []contender) (servers map[string]*child, end func(), err error) {
	servers = make(map[string]*child)
	end = func() {
		for _, c := range servers {
			b.end(c)
		}
	}
	for _, c := range all {
		if servers[c.name] != nil {
			continue
		}
		server, err := b.serveSockets(ctx, c.name)
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
func ratios(t *table, all []contender, key, short string) {
	for _, c := range all {
		r := t.row(c.mode, c.name)
		compare(r, t.row(sessionMode, nodeName), key, short+"_vs_node")
		compare(r, t.row(sessionMode, clusterName), key, short+"_vs_cluster")
	}
}

// compare adds to a row what its newest figure is of another's. Where that one
// is missing there is no ratio.
func compare(r, with *row, key, ratio string) {
	own, other := r.Figures[key], with.Figures[key]
	if len(own) > 0 && len(other) > 0 {
		r.add(ratio, own[len(own)-1]/other[len(other)-1])
	}
}
