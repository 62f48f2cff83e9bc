package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/config"
)

const defaultHealthTimeout = 2 * time.Second

func healthcheckCommand() command {
	c := command{
		name:    "healthcheck",
		summary: "ask the server on this machine for its health",
		details: `Asks /api/health at HOST and PORT and waits for two seconds at most. For
HEALTHCHECK in an image without a shell. Exit codes: 0 healthy, 1 not.`,
	}
	c.run = func(ctx context.Context, args []string, env process) int {
		if _, code, ok := c.parseFlags(args, env, nil); !ok {
			return code
		}
		cfg, err := loadVariables(env, "HOST", "PORT", "TLS_CERT_FILE")
		if err != nil {
			return fail(env, c.name, err)
		}
		answer, err := requestHealth(ctx, cfg, env.healthTimeout)
		if err != nil {
			return fail(env, c.name, err)
		}
		_, err = fmt.Fprintln(env.stdout, answer)
		return exitStatus(env, c.name, err)
	}
	return c
}

// loadFor returns the configuration for a command that uses the named
// variables only: the others may have problems.
func loadVariables(env process, names ...string) (config.Config, error) {
	cfg, _, err := env.load()
	if problems, ok := errors.AsType[config.Problems](err); ok {
		err = problems.About(names...)
	}
	return cfg, err
}

// askHealth returns the body of a good answer. An answer other than 200 is an
// error that holds the body.
func requestHealth(ctx context.Context, cfg config.Config, within time.Duration) (string, error) {
	if cfg.Port == 0 {
		return "", errors.New("PORT is 0, so the port isn't known")
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	scheme := "http"
	if cfg.TLS() {
		scheme = "https"
	}
	address := net.JoinHostPort(loopbackHost(cfg.Host), strconv.Itoa(cfg.Port))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/api/health", nil)
	if err != nil {
		return "", err
	}
	// Our own certificate need not name this address; and a proxy has no
	// business between the process and itself.
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see above
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if errors.Is(err, context.DeadlineExceeded) {
		return "", fmt.Errorf("%s gave no answer within %v", address, within)
	}
	if err != nil {
		return "", errors.Unwrap(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	if err != nil {
		return "", fmt.Errorf("%s broke off its answer: %w", address, err)
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", address, response.Status, answer)
	}
	return answer, nil
}

// localHost returns the host at which a server that listens on host can be
// reached from the same machine.
func loopbackHost(host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "", err == nil && addr == netip.IPv4Unspecified():
		return "127.0.0.1"
	case err == nil && addr.IsUnspecified():
		return "::1"
	}
	return host
}
