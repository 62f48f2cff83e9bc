package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Client sends requests to one control socket.
type Client struct {
	// StatusTimeout is the timeout of Status. Dial sets it to five seconds.
	StatusTimeout time.Duration

	path string
	http *http.Client
}

// Dial returns a Client for the socket at path after checking that it accepts
// connections. The error wraps ErrNotRunning if there is no socket or no
// process listens on it. The caller must close the Client.
func Dial(path string) (*Client, error) {
	conn, err := dialSocket(context.Background(), path)
	if err != nil {
		return nil, err
	}
	_ = conn.Close()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, path) },
	}
	return &Client{StatusTimeout: 5 * time.Second, path: path, http: &http.Client{Transport: transport}}, nil
}

// Close closes the idle connections of the Client.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status returns the status of the process.
func (c *Client) Status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, c.StatusTimeout)
	defer cancel()
	return do[Status](ctx, c, http.MethodGet, "/status")
}

// Reload reloads the configuration of the process and waits until its workers
// have been recycled.
func (c *Client) Reload(ctx context.Context) (ReloadResult, error) {
	return do[ReloadResult](ctx, c, http.MethodPost, "/reload")
}

// Scale changes the number of workers to n, where 0 means GOMAXPROCS, and waits
// until they are running.
func (c *Client) Scale(ctx context.Context, n int) (ScaleResult, error) {
	return do[ScaleResult](ctx, c, http.MethodPost, "/scale?n="+strconv.Itoa(n))
}

// maxResponseBytes bounds the part of a response that is read.
const maxResponseBytes = 8 << 20

func do[Result any](ctx context.Context, c *Client, method, target string) (Result, error) {
	var result Result
	request, err := http.NewRequestWithContext(ctx, method, "http://control"+target, nil)
	if err != nil {
		return result, err
	}
	response, err := c.http.Do(request)
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		return result, fmt.Errorf("the process at %s closed the connection without a response; its log may say why", c.path)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return result, fmt.Errorf("the process at %s does not respond", c.path)
	}
	if err != nil {
		return result, errors.Unwrap(err) // http.Client adds a placeholder address
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes))
	if err != nil {
		return result, fmt.Errorf("read the response from %s: %w", c.path, err)
	}
	if response.StatusCode != http.StatusOK {
		var f errorBody
		if json.Unmarshal(body, &f) != nil || f.Error == "" {
			f.Error = response.Status
		}
		return result, errors.New(f.Error)
	}
	if err := json.Unmarshal(body, &result); err != nil {
		return result, fmt.Errorf("the response from %s is invalid: %w", c.path, err)
	}
	return result, nil
}

// dialSocket opens a connection; its error tells an operator why it can't.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: no socket at %s", ErrNotRunning, path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: no process listens at %s any more", ErrNotRunning, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("not allowed to open %s: try it as the user of the server, or as root", path)
	default:
		return nil, err
	}
}
