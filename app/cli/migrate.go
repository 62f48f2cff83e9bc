package cli

import (
	"context"
	"fmt"

	"smart-factory-backend/app/server"
)

func migrateCommand() command {
	return command{
		name:    "migrate",
		summary: "migrate the database to this release's schema, then exit",
		details: `The server migrates too when it starts. The embedded database must not be in
use. A missing database is created.`,
		run: func(ctx context.Context, _ []string, p process) error {
			cfg, err := p.loadVariables("DATABASE_URL", "DATA_DIR")
			if err != nil {
				return err
			}
			before, after, err := server.Migrate(ctx, cfg)
			if err != nil {
				return err
			}
			switch before {
			case after:
				_, err = fmt.Fprintf(p.stdout, "schema %d, nothing to do\n", after)
			case 0:
				_, err = fmt.Fprintf(p.stdout, "created with schema %d\n", after)
			default:
				_, err = fmt.Fprintf(p.stdout, "migrated schema %d to %d\n", before, after)
			}
			return err
		},
	}
}
