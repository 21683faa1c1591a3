"""What the shell of every page shows: where the user is and where else they may go."""
