package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"smart-factory-backend/app/server"
)

// interruptible returns a context that SIGINT or SIGTERM cancels. After the
// first signal both have their default effect again, so a second one ends the
// process. The returned function releases the signals.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	unregister := context.AfterFunc(ctx, stop)
	return ctx, func() {
		unregister()
		stop()
	}
}

// hasTerminal reports whether the process has a controlling terminal. It loses it
// when the terminal is closed.
func hasTerminal() bool {
	f, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err == nil {
		_ = f.Close()
	}
	return err == nil
}

// handleServerSignals returns a context that the first SIGINT or SIGTERM
// cancels; a second one ends the process at once. SIGHUP reloads a, unless it
// says that the terminal is gone: then it is like SIGTERM. The returned function
// stops handling signals and waits for the goroutine.
func handleServerSignals(ctx context.Context, a *server.App, log *slog.Logger, sink *server.LogSink) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	// nohup ignores SIGHUP: the process is to outlive its terminal.
	endsWithTerminal := !signal.Ignored(syscall.SIGHUP) && hasTerminal()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() { // ends with quit; the returned function awaits it
		defer close(done)
		for {
			select {
			case <-quit:
				return
			case s := <-signals:
				switch {
				case s == syscall.SIGHUP && (!endsWithTerminal || hasTerminal()):
					a.Reload(ctx)
				case ctx.Err() == nil:
					log.Info("signal received", slog.String("signal", s.String()))
					cancel()
				default:
					log.Warn("second signal received, exiting immediately", slog.String("signal", s.String()))
					sink.Close(logGrace / 10)
					os.Exit(exitInterrupted)
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-done
		cancel()
	}
}
