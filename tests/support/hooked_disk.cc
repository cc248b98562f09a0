#include "tests/support/hooked_disk.h"

#include "adapters/file/disk.h"

namespace tocsin::tests {

std::unique_ptr<Disk> real_disk(const std::string& folder) { return open_disk(folder).value(); }

}  // namespace tocsin::tests
