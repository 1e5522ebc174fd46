#include <hinomi/pipe/pipe.hpp>

namespace hinomi::pipe {

template class Pipe<int>;  // compiles every member once, so that a mistake shows here and not at its first user

}  // namespace hinomi::pipe
