#define CATCH_CONFIG_MAIN
// Catch2's handlers would hide the signals that child processes of the tests die of.
#define CATCH_CONFIG_NO_POSIX_SIGNALS
#include <catch2/catch.hpp>
