// What the last checkpoints say about the settings and the disk.
#pragma once

#include <span>
#include <string>

#include "app/settings.h"
#include "engine/io/checkpoint_history.h"

namespace tocsin::app {

// Since the last that succeeded. `notes`: newest first.
std::size_t failures_in_a_row(std::span<const CheckpointNote> notes);

// What is wrong and what to do, as a sentence; "" all is well.
std::string checkpoint_advice(std::span<const CheckpointNote> notes, const CheckpointSettings& settings);

}  // namespace tocsin::app
