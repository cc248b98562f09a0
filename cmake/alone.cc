// The empty program around one room: it links when the room needs nobody but its declared friends (cmake/rooms.cmake).
int main() { return 0; }
