package cli

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/server"
)

// serve runs the server until a signal or ctx ends it.
func serve(ctx context.Context, env process) int {
	cfg, warnings, err := env.load()
	if err != nil {
		return fail(env, "serve", err)
	}
	level := new(slog.LevelVar)
	level.Set(cfg.LogLevel)
	log := server.NewLogger(env.stderr, cfg.LogFormat, level)
	// What other packages say goes the same way.
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer())
	for _, w := range warnings {
		log.Warn("configuration", slog.String("variable", w.Variable), slog.String("message", w.Message))
	}
	b := currentBuild()
	a, err := server.New(cfg, server.Options{
		Build: server.Build{Version: b.version, Commit: b.commit},
		Log:   log, Level: level, Load: env.load,
	})
	if err != nil {
		return fail(env, "serve", err)
	}
	ctx, stop := notifyServer(ctx, a, log)
	defer stop()
	err = a.Run(ctx)
	switch {
	case err == nil:
		log.Info("ended in good order")
		return exitOK
	case errors.Is(err, cluster.ErrGaveUp):
		log.Error("gave up", slog.String("error", err.Error()))
		return exitWorkersFailed
	}
	_, _ = fmt.Fprintf(env.stderr, "%s: %v\n", commandPath("serve"), err)
	return exitFailure
}

// followSignals turns the first SIGINT or SIGTERM into the end of the context
// and SIGHUP into a reload; a second SIGINT or SIGTERM ends the process at
// once. The returned function stops following and waits.
func notifyServer(ctx context.Context, a *server.App, log *slog.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // ended by quit, awaited by the returned function
		defer close(ended)
		for {
			select {
			case <-quit:
				return
			case s := <-signals:
				switch {
				case s == syscall.SIGHUP:
					a.Reload(ctx)
				case ctx.Err() == nil:
					log.Info("signal", slog.String("signal", s.String()))
					cancel()
				default:
					log.Warn("second signal, ending at once", slog.String("signal", s.String()))
					os.Exit(exitInterrupted)
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-ended
		cancel()
	}
}
