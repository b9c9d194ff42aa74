"""Makes of the folder a command: ``nox -s record`` runs it."""

from record.recorder import main

raise SystemExit(main())
