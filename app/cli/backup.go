package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/server"
)

func backupCommand() command {
	return command{
		name: "backup", arguments: "FILE",
		summary: "copy the embedded database to a new file, even while it is in use",
		details: `FILE must not exist. The copy contains everything acknowledged before the backup
began; an interrupted backup leaves no file. To restore, point DATABASE_URL or
DATA_DIR at the copy and start the server. For PostgreSQL use pg_dump.`,
		run: func(ctx context.Context, args []string, p process) error {
			cfg, err := p.loadVariables("DATABASE_URL", "DATA_DIR")
			if err != nil {
				return err
			}
			err = server.Backup(ctx, cfg, args[0])
			if errors.Is(err, factory.ErrConflict) {
				return fmt.Errorf("%s exists already; nothing was written: name a new file", args[0])
			}
			if err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err == nil {
				_, err = fmt.Fprintf(p.stdout, "%s: %d bytes\n", args[0], info.Size())
			}
			return err
		},
	}
}
