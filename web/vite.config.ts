import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Nothing inline and nothing from elsewhere: the centre serves these files under `default-src 'self'`.
export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/api': 'http://127.0.0.1:5199' } },
  build: {
    outDir: 'dist',
    assetsInlineLimit: 0,
    target: 'es2022',
    sourcemap: false,
    chunkSizeWarningLimit: 700,
  },
});
