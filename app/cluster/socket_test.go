package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/testkit/porttest"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

// plainSubprocess responds with "ok".
func plainSubprocess([]string) int {
	return runInSubprocess(cluster.Options{Handler: answerOK}, nil)
}

func portOf(t testing.TB, addr string) int {
	t.Helper()
	ap, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return ap.Port
}

// wantPortInUse listens on a port in use and wants an error that names its
// owner.
func wantPortInUse(t *testing.T, host string, port, pid int) {
	t.Helper()
	s, err := cluster.New(cluster.Options{Handler: answerOK, Host: host, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Listen(context.Background())
	var inUse *cluster.PortInUseError
	if !errors.As(err, &inUse) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("Listen on a port in use = %v, want a PortInUseError", err)
	}
	if inUse.PID != pid || !strings.Contains(err.Error(), fmt.Sprint(port)) || !strings.Contains(err.Error(), fmt.Sprint("pid ", pid)) {
		t.Errorf("Listen = %q, want it to name port %d and pid %d", err, port, pid)
	}
	if err := s.Run(context.Background()); !errors.As(err, &inUse) {
		t.Errorf("Run on a port in use = %v, want a PortInUseError", err)
	}
}

func TestTakenPortIsRefused(t *testing.T) {
	t.Parallel()
	t.Run("by a supervisor of another process", func(t *testing.T) {
		t.Parallel()
		c := startSubprocess(t, "plain")
		port := portOf(t, c.addr)
		wantPortInUse(t, "127.0.0.1", port, c.cmd.Process.Pid)
		wantPortInUse(t, "", port, c.cmd.Process.Pid)
		wantOK(t, &client{addr: c.addr, closeEach: true})
	})
	t.Run("by a supervisor of this process", func(t *testing.T) {
		t.Parallel()
		r := start(t, cluster.Options{})
		wantPortInUse(t, "127.0.0.1", portOf(t, r.addr), os.Getpid())
		wantOK(t, &client{addr: r.addr, closeEach: true})
	})
	t.Run("by a listener without SO_REUSEPORT", func(t *testing.T) {
		t.Parallel()
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		wantPortInUse(t, "127.0.0.1", portOf(t, ln.Addr().String()), os.Getpid())
	})
	t.Run("to a listener without SO_REUSEPORT", func(t *testing.T) {
		t.Parallel()
		r := start(t, cluster.Options{})
		if ln, err := net.Listen("tcp4", r.addr); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("net.Listen on the supervisor's port = %v, %v, want address in use", ln, err)
		}
	})
}

// TestSimultaneousClaimHasOneWinner starts two supervisors on one port at the
// same time.
func TestSimultaneousClaimHasOneWinner(t *testing.T) {
	t.Parallel()
	for range shortened(100) {
		port := porttest.ForTest(t)
		var listening atomic.Int32
		results := make(chan error, 2)
		var tried, ended sync.WaitGroup
		begin := make(chan struct{})
		for range 2 {
			s, err := cluster.New(cluster.Options{Handler: answerOK, Host: "127.0.0.1", Port: port, Workers: 2, Shutdown: cluster.Shutdown{HandshakeGrace: 1}})
			if err != nil {
				t.Fatal(err)
			}
			tried.Add(1)
			ended.Go(func() {
				<-begin
				err := s.Listen(context.Background())
				if err == nil {
					listening.Add(1)
				}
				results <- err
				tried.Done()
				tried.Wait() // keep the port until both have tried
				over, cancel := context.WithCancel(context.Background())
				cancel()
				if err == nil {
					_ = s.Run(over) // closes the sockets
				}
			})
		}
		close(begin)
		ended.Wait()
		if n := listening.Load(); n != 1 {
			t.Fatalf("%d of 2 supervisors listen on port %d, want 1: %v, %v", n, port, <-results, <-results)
		}
	}
}

// A client that connects while a supervisor starts is either refused or served: its
// SYN is never dropped, which would make it wait a second.
func TestStartDropsNoHandshake(t *testing.T) {
	t.Parallel()
	for range shortened(50) {
		port := porttest.ForTest(t)
		addr := net.JoinHostPort("127.0.0.1", fmt.Sprint(port))
		s, err := cluster.New(cluster.Options{Handler: answerOK, Host: "127.0.0.1", Port: port, Workers: 2, Shutdown: cluster.Shutdown{HandshakeGrace: 1, IdleGrace: 1}})
		if err != nil {
			t.Fatal(err)
		}
		dialling, connected := make(chan struct{}), make(chan int, 1)
		go func() {
			for first := true; ; first = false {
				c, err := net.Dial("tcp", addr)
				if first {
					close(dialling)
				}
				if err != nil {
					continue // refused: it does not listen yet
				}
				connected <- synRetransmissions(c)
				_ = c.Close()
				return
			}
		}()
		<-dialling
		if err := s.Listen(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := within(t, "a connection", connected); n != 0 {
			t.Errorf("the client has sent its SYN %d times again", n)
		}
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Run(over) // closes the sockets
	}
}

// synRetransmissions returns how many packets a new connection has sent again; -1
// if that is not known.
func synRetransmissions(c net.Conn) int {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return -1
	}
	n := -1
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil { //nolint:gosec // a descriptor
			n = int(info.Total_retrans)
		}
	})
	return n
}

func TestHostsAreServed(t *testing.T) {
	t.Parallel()
	v6 := hasIPv6()
	tests := map[string]struct {
		host    string
		v4, v6  bool
		skipped bool
	}{
		"IPv4 address":   {host: "127.0.0.1", v4: true},
		"IPv4 wildcard":  {host: "0.0.0.0", v4: true},
		"IPv6 address":   {host: "::1", v6: true, skipped: !v6},
		"IPv6 wildcard":  {host: "::", v4: true, v6: true, skipped: !v6},
		"no host is all": {host: "", v4: true, v6: v6},
	}
	for name, tt := range tests {
		if tt.skipped {
			continue // the host has no IPv6
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := cluster.New(cluster.Options{Handler: answerOK, Host: tt.host, Shutdown: cluster.Shutdown{HandshakeGrace: 1, IdleGrace: 1}})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Listen(context.Background()); err != nil {
				t.Fatalf("Listen on %q: %v", tt.host, err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- s.Run(ctx) }()
			port := portOf(t, s.Addr().String())
			if port == 0 {
				t.Fatalf("Addr() = %v, want the port that the kernel chose", s.Addr())
			}
			for host, serves := range map[string]bool{"127.0.0.1": tt.v4, "::1": tt.v6} {
				addr := net.JoinHostPort(host, fmt.Sprint(port))
				for range 20 { // more than sockets
					a, err := (&client{addr: addr, closeEach: true}).get("/")
					if serves && (err != nil || a.body != "ok") {
						t.Fatalf("GET on %s: %+v, %v, want ok", addr, a, err)
					}
					if !serves && v6 && !connectionRefused(err) {
						t.Fatalf("GET on %s: %+v, %v, want refused", addr, a, err)
					}
				}
			}
			cancel()
			if err := within(t, "end of Run", ended); err != nil {
				t.Errorf("Run() = %v", err)
			}
		})
	}
}

func hasIPv6() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err == nil {
		_ = ln.Close()
	}
	return err == nil
}

func TestUnusableAddressIsNamed(t *testing.T) {
	t.Parallel()
	s, err := cluster.New(cluster.Options{Handler: answerOK, Host: "192.0.2.1", Port: 4711}) // reserved by RFC 5737
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(context.Background()); err == nil || !strings.Contains(err.Error(), "192.0.2.1:4711") {
		t.Errorf("Listen = %v, want an error that names 192.0.2.1:4711", err)
	}
}

// TestConnectionsInheritOptions checks the options that are set on the
// listening socket only.
func TestConnectionsInheritOptions(t *testing.T) {
	t.Parallel()
	found := make(chan [3]int, 1)
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		var options [3]int
		for i, o := range [][2]int{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		} {
			options[i], _ = unix.GetsockoptInt(cluster.Descriptor(ctx), o[0], o[1])
		}
		found <- options
		answerOK(ctx)
	}})
	wantOK(t, &client{addr: r.addr, closeEach: true})
	if options := <-found; options != [3]int{1, 1, 30} {
		t.Errorf("TCP_NODELAY, SO_KEEPALIVE, TCP_KEEPIDLE of a connection = %v, want 1, 1, 30", options)
	}
}
