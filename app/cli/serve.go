package cli

import (
	"context"
	"errors"
	stdlog "log"
	"log/slog"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/server"
)

func serveCommand() command {
	return command{
		name: "serve", handlesSignals: true,
		summary: "run the server (the default)",
		details: `Environment variables configure the server; "` + program + ` config" lists
them. SIGTERM and SIGINT shut it down gracefully, a second signal ends it at
once, and SIGHUP reloads the configuration. Exit codes: 0 graceful shutdown,
1 the server can't start or run, 70 the server gave up on its workers.`,
		run: func(ctx context.Context, _ []string, p process) error { return serve(ctx, p) },
	}
}

// serve runs the server until a signal or the end of ctx stops it.
func serve(ctx context.Context, p process) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(cfg.LogLevel)
	log := server.NewLogger(p.stderr, cfg.LogFormat, level)
	// Send what other packages log through the standard logger to ours.
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelWarn).Writer())
	for _, w := range cfg.Warnings(p.environ()) {
		log.Warn("configuration", slog.String("variable", w.Variable), slog.String("message", w.Message))
	}
	b := currentBuild()
	a, err := server.New(cfg, server.Options{
		Build: server.Build{Version: b.version, Commit: b.commit},
		Log:   log, Level: level, Load: p.load,
	})
	if err != nil {
		return err
	}
	ctx, stop := handleServerSignals(ctx, a, log)
	defer stop()
	err = a.Run(ctx)
	switch {
	case err == nil:
		log.Info("shutdown complete")
	case errors.Is(err, cluster.ErrGaveUp):
		log.Error("gave up", slog.String("error", err.Error()), slog.String("see", server.See(err)))
	}
	return err
}
