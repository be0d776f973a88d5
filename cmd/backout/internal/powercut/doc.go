// Package powercut replays what a program wrote to its files and cuts the power
// at any point of it. A recording of strace goes in; out come folders as a disk
// may hold them after the cut: what was synced is there, of the rest nothing,
// everything, or a random part.
//
// # What a disk keeps
//
// The model is as adversarial as a journaling file system may be, and no more:
//
//   - A write, truncation or new name may reach the disk at any time by itself, so
//     each may be there or not, in 4 KiB blocks, a block torn at 512 bytes.
//   - fsync makes content and length durable that was there when it was called;
//     fdatasync too. A write through O_SYNC or O_DSYNC is a write and such a sync.
//   - A sync of a new file also makes its name durable, and the names of the folders
//     above it: ext4 logs inode and name in one transaction and commits transactions in
//     order, XFS forces its log up to the inode's last change, btrfs logs the names with
//     the inode and commits everything when a folder above it was renamed. A rename is
//     made durable by fsync of the file or of a folder; fdatasync may leave it out (ext4
//     keeps a transaction of its own for that, i_datasync_tid).
//   - A removal, or a rename whose file is not synced again, needs a sync of the folder.
//   - Names that no sync made durable are kept in order, as a journal commits them: a
//     prefix survives. Lengths may be durable before the content: then zeros are read.
//   - A process that is killed loses nothing: the page cache is the kernel's.
//
// POSIX promises less: there only a sync of the folder makes a name durable.
// Options.FolderSyncOnly replays that, to see what leans on the difference.
//
// Start reading at player.go; trace.go reads strace, disk.go and names.go are the
// model, survive.go is the cut.
package powercut
