package confirm

// selfProgram is this very program, also after an upgrade has replaced its file.
const selfProgram = "/proc/self/exe"

// HostGuard is the guard for this host: systemd's where it runs, which starts
// `PROGRAM firewall expire`, otherwise a process of its own, `firewall guard`.
// program is waddled, with an absolute path; dir and run are those of Options.
func HostGuard(program, dir, run string) Guard {
	where := []string{"--dir", dir, "--run-dir", run}
	if SystemdRuns() {
		return SystemdGuard(append([]string{program, "firewall", "expire"}, where...))
	}
	return ProcessGuard(append([]string{selfProgram, "firewall", "guard"}, where...))
}
