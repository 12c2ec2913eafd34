// How a test that needs network interfaces gets a user and network namespace of its own.

#ifndef CORELANE_DRIVER_TAP_TEST_NAMESPACE_H_
#define CORELANE_DRIVER_TAP_TEST_NAMESPACE_H_

namespace corelane::driver {

// Call first in main(), before any thread starts. Runs this program again as root of new user and
// network namespaces and does not return; there it returns -1: go on. Where namespaces or TAP
// devices are impossible it prints the reason and returns the status for main() to return: a skip.
int EnterTestNamespace(int argc, char** argv);

// The same for what the kernel allows only to the machine's own root (XDP): new network and mount
// namespaces, but no user namespace. Anybody else skips.
int EnterRootTestNamespace(int argc, char** argv);

// Gives up what makes this process root of its namespace. False: it could not.
bool DropCapabilities();

}  // namespace corelane::driver

#endif  // CORELANE_DRIVER_TAP_TEST_NAMESPACE_H_
