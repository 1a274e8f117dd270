#pragma once

/// How a test says that a backend can't do what it would test.

namespace support {

/// Makes the running test count as skipped in CTest's list, and prints why. Use SKIP_CASE, which
/// also leaves the case. A case that fails still fails. Any thread.
void note_skip(const char* reason);

/// Whether `note_skip` was called. The main function asks when all is over.
[[nodiscard]] bool anything_skipped();

}  // namespace support

/// Ends the case here: CTest reports it as skipped, with the reason in its output, so that nothing
/// is left out in silence. For what a backend can't do; not for what isn't done yet.
#define SKIP_CASE(reason)         \
  do {                            \
    ::support::note_skip(reason); \
    SUCCEED();                    \
    return;                       \
  } while (false)
