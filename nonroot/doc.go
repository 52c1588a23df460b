// Package nonroot checks whether any service of a Compose project would run as root, before anything is
// built or started.
//
// [Audit] takes a project as compose-go loads it, and checks what Compose would really build and run: with the resolved
// values, only the stages that a build needs, the user of the base image, and a service's own "user:" on top. To get
// the project of a folder, give cli.NewProjectOptions of compose-go nil, cli.WithWorkingDirectory(dir), cli.WithOsEnv,
// cli.WithDotEnv and cli.WithDefaultConfigPath, and call LoadProject.
//
// What it finds are values; package nonroot/report shows them as text, JSON and SARIF. [Rules] returns what is looked
// for, each with its reason and its source. [Fix] works out changed files for findings that have a safe fix.
//
// No engine is needed, no process is started, and nothing is written.
//
// # What may surprise
//
//   - Services of inactive profiles are checked, too, and are warnings at most.
//   - A project that keeps the conventions of this module is checked by more rules: see [Conventions]. Without them,
//     rules have another, milder level ([Rule.Elsewhere]).
//   - The user of an image that is not built here comes from [Options.Image]; without it, the finding is a note, except
//     for a few images whose makers document their user.
//   - An empty user is root to Docker. So is "user: ${UID}" where UID is not exported, as in most shells.
//   - "user: 1000" without a group runs with GID 0 if the image's /etc/passwd has no such UID.
//   - Files are read again, for the lines of findings: the Compose files, Dockerfiles and ignore files. A file
//     in [Options.Files] takes the place of the one on disk.
//   - A comment "# im2:ignore=D03 reason" on a finding's line, or the line above, suppresses it.
package nonroot
