// The parts of Apache ECharts that this console draws with, in a file of their own that loads when the first chart does.
import { BarChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([BarChart, GridComponent, CanvasRenderer]);

export const make_chart = (place: HTMLElement) => init(place);
